import { afterEach, describe, expect, it } from '@jest/globals';
import { DEFAULT_SETTINGS, type ApiSettings } from './settings.ts';
import {
  applyEvents,
  inferForm,
  leftovers,
  makeKey,
  NOTHING,
  postInfer,
  problemOf,
  startTestApi,
  submit,
  until,
  type TestApi,
} from './testing/api-harness.ts';
import { FILE_PART_HEAD, inferHead, RawConnection } from './testing/raw-http.ts';

let api: TestApi;
const connections: RawConnection[] = [];
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.abort();
  await api.close();
});

async function start(settings: Partial<ApiSettings> = {}): Promise<void> {
  api = await startTestApi({ settings });
}

type Answer = { status: number; code: string; retryAfterS: number; headers: Headers };

async function refusalOf(response: Response): Promise<Answer> {
  const { code, retryable } = await problemOf(response);
  expect(retryable).toBe(true);
  return {
    status: response.status,
    code,
    retryAfterS: Number(response.headers.get('retry-after')),
    headers: response.headers,
  };
}

/** Begins an upload that says how long it will be, and holds it there. */
async function hold(bytes: number): Promise<RawConnection> {
  const before = (await leftovers(api)).scratch.length;
  const connection = await RawConnection.open(api.port);
  connections.push(connection);
  connection.send(inferHead([`Content-Length: ${bytes}`]) + FILE_PART_HEAD);
  await until(async () => (await leftovers(api)).scratch.length === before + 1);
  return connection;
}

describe('an upload beyond what the platform takes at once', () => {
  it('is refused by the bytes that the client has under way', async () => {
    await start({ bytesInFlightPerClientMax: 100_000 });
    const held = await hold(99_900);
    expect(await refusalOf(await postInfer(api, inferForm()))).toMatchObject({
      status: 429,
      code: 'too_many_bytes',
      retryAfterS: 5,
    });
    held.abort();
    await until(async () => (await leftovers(api)).scratch.length === 0);
    expect((await postInfer(api, inferForm())).status).toBe(202);
  });

  it('counts one without a length as the largest', async () => {
    await start({ bytesInFlightPerClientMax: 1024 * 1024 });
    const connection = await RawConnection.open(api.port);
    connections.push(connection);
    connection.send(inferHead(['Transfer-Encoding: chunked']));
    await until(async () => (await leftovers(api)).scratch.length === 1);
    expect(await refusalOf(await postInfer(api, inferForm()))).toMatchObject({ status: 429, code: 'too_many_bytes' });
  });

  it.each<[string, Partial<ApiSettings>]>([
    ['uploads', { uploadsMax: 1 }],
    ['bytes', { bytesInFlightMax: 100_000 }],
  ])('is the platform’s to refuse when it is the %s of all', async (_, settings) => {
    await start(settings);
    const { authorization } = await makeKey(api, 'other-clinic');
    const held = await RawConnection.open(api.port);
    connections.push(held);
    held.send(inferHead(['Content-Length: 99900', `Authorization: ${authorization}`]) + FILE_PART_HEAD);
    await until(async () => (await leftovers(api)).scratch.length === 1);
    const own = await makeKey(api, 'clinic');
    const refused = await postInfer(api, inferForm(), { authorization: own.authorization });
    expect(await refusalOf(refused)).toMatchObject({ status: 503, code: 'uploads_busy', retryAfterS: 5 });
  });

  it.each(['scratch', 'data'])('is refused before its body when the disk of %s runs full', async (disk) => {
    let isFull = true;
    const isData = (dir: string) => !dir.endsWith('scratch');
    api = await startTestApi({
      settings: { scratchReserveBytes: 1_000, dataReserveBytes: 1_000 },
      freeBytesOf: async (dir) => (isFull && isData(dir) === (disk === 'data') ? 999 : Number.MAX_SAFE_INTEGER),
    });
    const refused = await postInfer(api, inferForm());
    expect(await refusalOf(refused)).toMatchObject({ status: 503, code: 'storage_full', retryAfterS: 60 });
    expect(await leftovers(api)).toEqual(NOTHING);
    expect((await fetch(`${api.url}/health/ready`)).status).toBe(503);
    isFull = false;
    expect((await postInfer(api, inferForm())).status).toBe(202);
  });
});

describe('a job beyond those that a client may have waiting', () => {
  it('is refused until one of them is claimed; another client is not', async () => {
    await start({ queuedJobsPerClientMax: 2, keyless: 'refused' });
    const [{ authorization }, other] = [await makeKey(api, 'clinic'), await makeKey(api, 'other-clinic')];
    const first = await submit(api, inferForm(), { authorization });
    await submit(api, inferForm(), { authorization });
    const refused = await refusalOf(await postInfer(api, inferForm(), { authorization }));
    expect(refused).toMatchObject({ status: 429, code: 'too_many_queued_jobs', retryAfterS: 30 });
    expect((await leftovers(api)).scratch).toEqual([]);
    await submit(api, inferForm(), { authorization: other.authorization });
    await applyEvents(api, first, [{ type: 'claimed', pool: 'cpu', definition: null, atMs: Date.now() }]);
    await submit(api, inferForm(), { authorization });
  });

  it('is no new job if it repeats an accepted one: that is answered as before', async () => {
    await start({ queuedJobsPerClientMax: 1 });
    const key = { 'Idempotency-Key': 'study-1' };
    const jobId = await submit(api, inferForm(), key);
    const again = await postInfer(api, inferForm(), key);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
    expect(await again.json()).toMatchObject({ job_id: jobId });
    const fresh = await postInfer(api, inferForm(), { 'Idempotency-Key': 'study-2' });
    expect(await refusalOf(fresh)).toMatchObject({ code: 'too_many_queued_jobs' });
  });

  it('counts uploads under way: each may become one', async () => {
    await start({ queuedJobsPerClientMax: 2 });
    await submit(api);
    const held = await hold(1_000);
    expect(await refusalOf(await postInfer(api, inferForm()))).toMatchObject({ code: 'too_many_queued_jobs' });
    held.abort();
    await until(async () => (await leftovers(api)).scratch.length === 0);
    await submit(api);
  });
});

describe('requests beyond the rate of their key', () => {
  const slow = { quota: 2, windowS: 3_600 };

  it('are refused for that operation and that key only, and say when to come back', async () => {
    const rates = { ...DEFAULT_SETTINGS.rates, other: slow };
    await start({ rates, keyless: 'refused' });
    const [own, sibling] = [await makeKey(api, 'clinic'), await makeKey(api, 'clinic')];
    const models = (authorization: string) => fetch(`${api.url}/models`, { headers: { authorization } });
    const allowed = [await models(own.authorization), await models(own.authorization)];
    expect(allowed.map(({ status }) => status)).toEqual([200, 200]);
    expect(allowed.map(({ headers }) => headers.get('ratelimit'))).toEqual([
      '"other";r=1;t=1800',
      '"other";r=0;t=3600',
    ]);
    const refused = await refusalOf(await models(own.authorization));
    expect(refused).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(refused.retryAfterS).toBeGreaterThan(1_700);
    expect(refused.headers.get('ratelimit-policy')).toBe('"other";q=2;w=3600');
    expect(refused.headers.get('ratelimit')).toMatch(/^"other";r=0;t=(3600|3599)$/);
    expect((await models(sibling.authorization)).status).toBe(200);
    const status = await fetch(`${api.url}/jobs`, { headers: { authorization: own.authorization } });
    expect([status.status, status.headers.get('ratelimit')]).toEqual([200, '"status";r=19999;t=1']);
  });

  it('are refused before their body is read, and a 304 counts as well', async () => {
    await start({ rates: { ...DEFAULT_SETTINGS.rates, submit: { quota: 1, windowS: 60 }, status: slow } });
    const jobId = await submit(api);
    const connection = await RawConnection.open(api.port);
    connections.push(connection);
    connection.send(inferHead(['Content-Length: 900000', 'Expect: 100-continue']));
    await until(() => connection.received.includes('"rate_limited"'));
    expect(connection.received).not.toContain('100 Continue');
    const first = await fetch(`${api.url}/status/${jobId}`);
    const headers = { 'If-None-Match': first.headers.get('etag') ?? '' };
    expect((await fetch(`${api.url}/status/${jobId}`, { headers })).status).toBe(304);
    expect((await fetch(`${api.url}/status/${jobId}`, { headers })).status).toBe(429);
  });

  it('do not exist for who has no key to count by: health', async () => {
    await start({ rates: { submit: slow, status: slow, results: slow, other: slow } });
    for (let n = 0; n < 5; n += 1) {
      const response = await fetch(`${api.url}/health/live`);
      expect([response.status, response.headers.get('ratelimit')]).toEqual([200, null]);
    }
  });
});

describe('requests without a valid key, again and again', () => {
  it('are told to wait, and lock out nobody at the same address who has one', async () => {
    await start({ keyless: 'refused', refusals: { quota: 2, windowS: 3_600 } });
    const { authorization } = await makeKey(api, 'clinic');
    const status = async (value: string) =>
      (await fetch(`${api.url}/models`, { headers: { authorization: value } })).status;
    const wrong = `${authorization.slice(0, -8)}AAAAAAAA`;
    expect([await status(wrong), await status('nonsense'), await status(wrong)]).toEqual([401, 401, 429]);
    const refused = await fetch(`${api.url}/models`, { headers: { authorization: wrong } });
    expect(refused.headers.get('connection')).toBe('close');
    expect(await refusalOf(refused)).toMatchObject({ code: 'rate_limited' });
    expect(await status(authorization)).toBe(200);
  });
});
