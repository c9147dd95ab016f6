import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { allowedMethods, ROUTES } from '@bpi/job-contract';
import { inferForm, postInfer, startTestApi, until, type TestApi } from './testing/api-harness.ts';
import { ask, headerOf, outcomeOf, told, type Answer, type HeaderLines } from './testing/ask.ts';
import { makeActor, makeJob, type Actor } from './testing/cast.ts';
import { BODY_END, FILE_PART_HEAD, inferHead, RawConnection } from './testing/raw-http.ts';
import { usualNpz } from './testing/npz.ts';

const CLOSED_ROUTES = ROUTES.filter(({ access }) => access === 'key');

let api: TestApi;
let live: Actor;
let wrong: ReadonlyMap<string, HeaderLines>;
beforeAll(async () => {
  api = await startTestApi({ settings: { keyless: 'refused' } });
  live = await makeActor(api, 'clinic-a');
  const revoked = await makeActor(api, 'clinic-a');
  const former = [await makeActor(api, 'former-clinic'), await makeActor(api, 'former-clinic')];
  for (const { keyId } of [revoked, ...former]) await api.ports.clients.revokeKey(keyId, Date.now());
  wrong = wrongHeaders(live, { revoked, former });
});
afterAll(async () => api.close());

/** Everything that is no live key, by what is wrong with it. */
function wrongHeaders(
  { authorization, keyId }: Actor,
  ended: { revoked: Actor; former: Actor[] },
): ReadonlyMap<string, HeaderLines> {
  const token = authorization.slice('Bearer '.length);
  const secret = token.slice(-43);
  const other = randomBytes(32).toString('base64url');
  const one = (value: string): HeaderLines => [['Authorization', value]];
  return new Map<string, HeaderLines>([
    ['no key', []],
    ['an empty one', one('')],
    ['no token', one('Bearer ')],
    ['garbage', one('Bearer garbage')],
    ['bytes beyond ASCII', one('Bearer \xff\xfe')],
    ['thousands of characters', one(`Bearer ${'a'.repeat(8_000)}`)],
    ['an unknown key id', one(`Bearer bpi_${randomBytes(6).toString('hex')}_${secret}`)],
    ['a key id alone', one(`Bearer bpi_${keyId}_`)],
    ['a wrong secret', one(`Bearer bpi_${keyId}_${other}`)],
    ['a secret in another case', one(`Bearer bpi_${keyId}_${swapCase(secret)}`)],
    ['a secret that is cut off', one(authorization.slice(0, -1))],
    ['a secret with more behind it', one(`${authorization}A`)],
    ['two tokens', one(`${authorization} ${token}`)],
    ['two tokens with a comma', one(`${authorization}, ${authorization}`)],
    ['a revoked key', ended.revoked.lines],
    ['a key of a client that has no live one', ended.former[0]?.lines ?? []],
    ['another key of that client', ended.former[1]?.lines ?? []],
    ['no scheme', one(token)],
    ['Basic', one(`Basic ${Buffer.from(`${keyId}:${secret}`).toString('base64')}`)],
    ['a JWT that nobody signed', one('Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJjbGluaWMtYSJ9.')],
    ['a key in another header', [['X-Api-Key', token]]],
    ['a key for a proxy', [['Proxy-Authorization', authorization]]],
    ['a key in a cookie', [['Cookie', `authorization=${authorization}`]]],
    ['a name that others trust', [['X-Client-Id', 'clinic-a']]],
    ['a live key twice', [...one(authorization), ...one(authorization)]],
    ['a live key and garbage', [...one(authorization), ...one('Bearer garbage')]],
    ['garbage and a live key', [...one('Bearer garbage'), ...one(authorization)]],
  ]);
}

function swapCase(text: string): string {
  return text.replaceAll(/[a-z]/gi, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  );
}

describe('what is no live key', () => {
  it('is refused by the same answer on every route and method, whatever is wrong with it', async () => {
    const path = (pattern: string) => pattern.replaceAll(/\{\w+\}/g, 'x');
    const reference = told(await ask(api.port, { path: '/models' }));
    expect(reference).toMatch(/^401\n(.*\n)*WWW-Authenticate: Bearer\n/);
    for (const [what, headers] of wrong) {
      for (const route of CLOSED_ROUTES) {
        const answer = await ask(api.port, { method: route.method, path: path(route.path), headers });
        expect([what, route.id, told(answer)]).toEqual([what, route.id, reference]);
      }
    }
    for (const route of CLOSED_ROUTES) {
      for (const method of ['PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'POST', 'DELETE']) {
        const answer = await ask(api.port, { method, path: path(route.path) });
        expect([route.id, method, told(answer)]).toEqual([route.id, method, reference]);
      }
    }
  });

  it('is no key in the address either, and no spelling of a path opens it', async () => {
    const token = live.authorization.slice('Bearer '.length);
    const spellings = (path: string) => [
      `${path}?access_token=${token}&api_key=${token}`,
      `${path}/`,
      `/${path}`,
      path.toUpperCase(),
      `/.${path}`,
      `/health/live/..${path}`,
      `/docs/..%2f..${path}`,
      `${path}%00`,
      `${path};jsessionid=1`,
      `${path}%3f`,
      `${path}#/health/live`,
    ];
    for (const { path, method } of CLOSED_ROUTES) {
      for (const spelling of spellings(path.replaceAll(/\{\w+\}/g, 'fixed'))) {
        const outcome = outcomeOf(await ask(api.port, { method, path: spelling }));
        expect([spelling, outcome]).toEqual([spelling, expect.stringMatching(/^(401 unauthorized|404 not_found)$/)]);
      }
    }
  });

  it('has no way around the method by a header that some frameworks believe', async () => {
    const jobId = await makeJob(api, live, 'queued');
    const headers: HeaderLines = [...live.lines, ['X-HTTP-Method-Override', 'DELETE'], ['X-Original-URL', '/jobs']];
    const answer = await ask(api.port, { path: `/status/${jobId}?_method=DELETE`, headers });
    expect(outcomeOf(answer)).toBe('400 query_invalid');
    expect((await api.ports.store.get(jobId))?.job.deletion).toBeNull();
  });
});

describe('methods that a route does not have', () => {
  it('are refused to every caller by those it has, and do nothing', async () => {
    for (const path of new Set(ROUTES.map((route) => route.path))) {
      const allowed = allowedMethods(path);
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE']) {
        if (allowed.includes(method)) continue;
        const headers: HeaderLines = [...live.lines, ['X-Secret', 'not-echoed']];
        const answer = await ask(api.port, { method, path: path.replaceAll(/\{\w+\}/g, 'x'), headers });
        expect([path, method, answer.status, headerOf(answer, 'allow')]).toEqual([
          path,
          method,
          405,
          allowed.join(', '),
        ]);
        expect(told(answer)).not.toMatch(/not-echoed|access-control/i);
      }
    }
  });

  it('make HEAD what GET is without its body', async () => {
    const jobId = await makeJob(api, live, 'completed');
    for (const { method, path } of ROUTES) {
      // A list of one page may differ from itself: its jobs change while others test.
      if (method !== 'GET' || path === '/docs/{file}') continue;
      const asked = path.replace('{job_id}', jobId).replace('{artifact}', 'preview.png').replace('{name}', 'fixed');
      const [get, head] = [
        await ask(api.port, { path: asked, headers: live.lines }),
        await ask(api.port, { method: 'HEAD', path: asked, headers: live.lines }),
      ];
      expect([path, head.status, head.body, headerOf(head, 'content-type')]).toEqual([
        path,
        get.status,
        '',
        headerOf(get, 'content-type'),
      ]);
    }
  });

  it('that are no words of HTTP, or ask for a tunnel, get none', async () => {
    for (const line of ['FOO /models', 'get /models', 'CONNECT example.org:443']) {
      const connection = await RawConnection.open(api.port);
      connection.send(`${line} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${live.authorization}\r\n\r\n`);
      await until(() => connection.isClosed);
      expect([line, connection.received]).toEqual([line, expect.not.stringMatching(/^HTTP\/1.1 (2|3|5)/)]);
    }
  });
});

describe('a change of keys under steady load', () => {
  it('leaves no gap, and lets an upload that began before it become a job', async () => {
    const [old, fresh] = [await makeActor(api, 'rotating'), await makeActor(api, 'rotating')];
    const jobId = await makeJob(api, old, 'completed');
    const body = FILE_PART_HEAD + usualNpz().toString('latin1') + BODY_END;
    const upload = await RawConnection.open(api.port);
    upload.send(inferHead([`Content-Length: ${body.length}`, `Authorization: ${old.authorization}`]) + FILE_PART_HEAD);
    const load = new SteadyLoad(jobId, old);
    await until(() => load.statuses.length > 100);
    load.actor = fresh;
    await load.nobodyUses(old);
    await api.ports.clients.revokeKey(old.keyId, Date.now());
    expect((await load.once(old)).status).toBe(401); // from the next request on
    const seen = load.statuses.length;
    await until(() => load.statuses.length > seen + 100);
    await load.stop();
    expect(new Set(load.statuses)).toEqual(new Set([200, 202]));
    upload.send(Buffer.from(body.slice(FILE_PART_HEAD.length), 'latin1'));
    await until(() => upload.received.includes('202 Accepted'));
    upload.abort();
  });
});

/** Four callers, each asking again as soon as it has its answer. */
class SteadyLoad {
  readonly statuses: number[] = [];
  actor: Actor;
  readonly #jobId: string;
  readonly #using = new Map<Actor, number>();
  readonly #callers: Promise<void>[];
  #isOver = false;

  constructor(jobId: string, actor: Actor) {
    this.#jobId = jobId;
    this.actor = actor;
    this.#callers = [0, 1, 2, 3].map((caller) => this.#call(caller));
  }

  once(actor: Actor): Promise<Answer> {
    return ask(api.port, { path: `/status/${this.#jobId}`, headers: actor.lines });
  }

  /** As a client does before it revokes the old key: what was sent with it has been answered. */
  async nobodyUses(actor: Actor): Promise<void> {
    await until(() => (this.#using.get(actor) ?? 0) === 0);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }

  async #call(caller: number): Promise<void> {
    for (let round = 0; !this.#isOver; round += 1) {
      const { actor } = this;
      this.#using.set(actor, (this.#using.get(actor) ?? 0) + 1);
      const submits = caller === 0 && round % 10 === 0;
      const headers = { authorization: actor.authorization };
      const { status } = submits ? await postInfer(api, inferForm(), headers) : await this.once(actor);
      this.statuses.push(status);
      this.#using.set(actor, (this.#using.get(actor) ?? 0) - 1);
    }
  }
}
