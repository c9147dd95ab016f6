import { afterEach, describe, expect, it } from '@jest/globals';
import { jobListSchema, submittedSchema, type JobId } from '@bpi/job-contract';
import {
  inferForm,
  leftovers,
  postInfer,
  problemOf,
  startTestApi,
  submit,
  until,
  type TestApi,
} from './testing/api-harness.ts';
import { ask, outcomeOf } from './testing/ask.ts';
import { makeActor, makeJob, type Actor } from './testing/cast.ts';
import { EventReader } from './testing/event-reader.ts';
import { npzOf, promptsMember, uint8Imgs } from './testing/npz.ts';
import { FILE_PART_HEAD, inferHead, RawConnection } from './testing/raw-http.ts';
import type { ApiSettings } from './settings.ts';

let api: TestApi;
let a: Actor;
let b: Actor;
const endings: (() => void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) end();
  await api.close();
});

async function start(settings: Partial<ApiSettings> = {}, metrics?: 'offered'): Promise<void> {
  api = await startTestApi({ settings: { keyless: 'refused', ...settings }, ...(metrics && { metrics }) });
  [a, b] = [await makeActor(api, 'clinic-a'), await makeActor(api, 'clinic-b')];
}

const get = (actor: Actor, path: string) => ask(api.port, { path, headers: actor.lines });
const outcome = async (actor: Actor, path: string) => outcomeOf(await get(actor, path));
const submitAs = (actor: Actor, form = inferForm()) => submit(api, form, { authorization: actor.authorization });

async function postAs({ authorization }: Actor, form: FormData, headers: Record<string, string> = {}) {
  const response = await postInfer(api, form, { authorization, ...headers });
  const replayed = response.headers.get('idempotency-replayed');
  const body: unknown = await response.json();
  return { status: response.status, replayed, jobId: submittedSchema.safeParse(body).data?.job_id };
}

async function listAs(actor: Actor, query: string): Promise<{ ids: string[]; cursor: string | undefined }> {
  const { jobs, next_cursor } = jobListSchema.parse(JSON.parse((await get(actor, `/jobs${query}`)).body));
  return { ids: jobs.map(({ job_id }) => job_id), cursor: next_cursor };
}

describe('two clients with the same Idempotency-Key', () => {
  it('never meet: each has its own job, its own repetition, its own mismatch, its own deletion', async () => {
    await start();
    const key = { 'Idempotency-Key': 'study-4711' };
    const [ofA, ofB] = [await postAs(a, inferForm(), key), await postAs(b, inferForm(), key)];
    expect([ofA.status, ofA.replayed, ofB.status, ofB.replayed]).toEqual([202, null, 202, null]);
    expect(ofB.jobId).not.toBe(ofA.jobId);
    for (const [actor, { jobId }] of [
      [a, ofA],
      [b, ofB],
    ] as const) {
      expect(await postAs(actor, inferForm(), key)).toEqual({ status: 202, replayed: 'true', jobId });
    }
    const other = await makeActor(api, 'clinic-c');
    expect((await postAs(other, inferForm({ external_job_id: 'another' }), key)).status).toBe(202);
    expect((await postAs(a, inferForm({ external_job_id: 'another' }), key)).status).toBe(422);
    await ask(api.port, { method: 'DELETE', path: `/jobs/${ofA.jobId}`, headers: a.lines });
    expect((await postAs(a, inferForm(), key)).status).toBe(410);
    expect(await postAs(b, inferForm(), key)).toMatchObject({ status: 202, jobId: ofB.jobId });
  });

  it('do not meet when name and key of one, written together, are those of the other', async () => {
    await start();
    const [short, long] = [await makeActor(api, 'x'), await makeActor(api, 'x1')];
    const first = await postAs(short, inferForm(), { 'Idempotency-Key': '1k' });
    const second = await postAs(long, inferForm(), { 'Idempotency-Key': 'k' });
    expect([second.status, second.replayed]).toEqual([202, null]);
    expect(second.jobId).not.toBe(first.jobId);
  });
});

describe('a request that sets what is not its client’s to set', () => {
  const OURS = [
    'client_id',
    'clientId',
    'phase',
    'status',
    'epoch',
    'version',
    'job_id',
    'pool',
    'result',
    '__proto__',
  ];

  it('is refused as a field, as a param, as geometry, as a prompt and in a query', async () => {
    await start();
    const codeOf = async (form: FormData) =>
      (await problemOf(await postInfer(api, form, { authorization: a.authorization }))).code;
    for (const name of OURS) {
      const json = `{"${name}":"clinic-b"}`;
      const prompts = npzOf(uint8Imgs(), [promptsMember({ 1: 'liver', [name]: 'clinic-b' })]);
      expect([
        name,
        await codeOf(inferForm({ [name]: 'clinic-b' })),
        await codeOf(inferForm({ [`params[${name}]`]: 'clinic-b' })),
        await codeOf(inferForm({ params: json })),
        await codeOf(inferForm({ geometry: json })),
        await codeOf(inferForm({}, prompts)),
        name === 'status' ? '400 query_invalid' : await outcome(a, `/jobs?${name}=clinic-b`),
      ]).toEqual([
        name,
        'field_unknown',
        'field_unknown',
        'params_invalid',
        'geometry_invalid',
        'prompts_malformed',
        '400 query_invalid',
      ]);
    }
    expect((await listAs(a, '')).ids).toEqual([]);
  });

  it('makes an ordinary job of its own where a header or the address says otherwise', async () => {
    await start();
    const before = await submitAs(b);
    const headers = { authorization: a.authorization, 'x-client-id': 'clinic-b', 'x-forwarded-user': 'clinic-b' };
    const query = OURS.map((name) => `${name}=clinic-b`).join('&');
    const response = await fetch(`${api.url}/infer?${query}`, { method: 'POST', body: inferForm(), headers });
    const { job_id: jobId } = submittedSchema.parse(await response.json());
    const job = (await api.ports.store.get(jobId))?.job;
    expect(job).toMatchObject({ clientId: 'clinic-a', phase: 'queued', version: 1, attempt: null, pool: 'cpu' });
    expect(jobId).not.toBe(before);
    expect((await listAs(b, '')).ids).toEqual([before]);
  });
});

describe('a client’s list', () => {
  it('has no job of another by any filter, and a cursor leads nowhere else', async () => {
    await start();
    const ids = new Map<Actor, JobId[]>([
      [a, []],
      [b, []],
    ]);
    for (let round = 0; round < 3; round += 1) {
      for (const [actor, own] of ids) own.unshift(await submitAs(actor, inferForm({ external_job_id: 'scan' })));
    }
    for (const [actor, own] of ids) {
      for (const query of ['', '?status=pending', '?model=fixed', '?external_job_id=scan', '?limit=100']) {
        expect([query, (await listAs(actor, query)).ids]).toEqual([query, own]);
      }
    }
    const page = await listAs(a, '?limit=1');
    const led = await listAs(b, `?cursor=${page.cursor}`);
    // As old as A's cursor says: what B began before it, which B could have asked for by a time of its own.
    expect(led.ids).toEqual(ids.get(b)?.slice(1));
    await ask(api.port, { method: 'DELETE', path: `/jobs/${page.ids[0]}`, headers: a.lines });
    expect((await listAs(b, `?cursor=${page.cursor}`)).ids).toEqual(led.ids);
    const stranger = await makeActor(api, 'clinic-c');
    expect(await listAs(stranger, `?cursor=${page.cursor}`)).toEqual({ ids: [], cursor: undefined });
  });
});

describe('a client that takes all it may', () => {
  const PATHS = { status: '/jobs', results: '/result/x', other: '/models' };

  it('slows another in no operation', async () => {
    const few = { quota: 3, windowS: 3_600 };
    await start({ rates: { submit: few, status: few, results: few, other: few } });
    for (let round = 0; round < 4; round += 1) {
      for (const path of Object.values(PATHS)) await get(b, path);
      await ask(api.port, { method: 'POST', path: '/infer', headers: b.lines });
    }
    for (const path of Object.values(PATHS)) expect(await outcome(b, path)).toBe('429 rate_limited');
    expect((await postAs(b, inferForm())).status).toBe(429);
    for (const [operation, path] of Object.entries(PATHS)) {
      const { status, headers } = await get(a, path);
      expect([operation, status === 429]).toEqual([operation, false]);
      expect(headers).toContainEqual(['RateLimit', expect.stringContaining(`"${operation}";r=2;`)]);
    }
    expect((await postAs(a, inferForm())).status).toBe(202);
  });

  it.each<[string, Partial<ApiSettings>, string]>([
    ['uploads', { uploadsPerClientMax: 1 }, 'too_many_uploads'],
    ['bytes under way', { bytesInFlightPerClientMax: 900_100 }, 'too_many_bytes'],
    ['jobs that wait', { queuedJobsPerClientMax: 1 }, 'too_many_queued_jobs'],
  ])('leaves another its own %s', async (_, settings, code) => {
    await start(settings);
    const held = await RawConnection.open(api.port);
    endings.push(() => held.abort());
    held.send(inferHead(['Content-Length: 900000', `Authorization: ${b.authorization}`]) + FILE_PART_HEAD);
    await until(async () => (await leftovers(api)).scratch.length === 1);
    const refused = await postInfer(api, inferForm(), { authorization: b.authorization });
    expect((await problemOf(refused)).code).toBe(code);
    expect((await postAs(a, inferForm())).status).toBe(202);
  });

  it('leaves another its own waits and streams', async () => {
    await start({ waitsPerClientMax: 1, streamsPerClientMax: 1 });
    const [ofA, ofB] = [await makeJob(api, a, 'queued'), await makeJob(api, b, 'queued')];
    const authorized = ({ authorization }: Actor) => ({ authorization });
    const stream = await EventReader.open(`${api.url}/jobs/${ofB}/events`, authorized(b));
    endings.push(() => stream.leave());
    expect(await outcome(b, `/jobs/${ofB}/events`)).toBe('429 too_many_streams');
    expect(await outcome(a, `/jobs/${ofA}/events`)).toBe('200');
    const aborted = new AbortController();
    endings.push(() => aborted.abort());
    const held = fetch(`${api.url}/status/${ofB}?wait=60`, { headers: authorized(b), signal: aborted.signal });
    held.catch(() => {});
    const waitOf = async (actor: Actor, jobId: JobId) =>
      (await get(actor, `/status/${jobId}?wait=1`)).headers.find(([name]) => name === 'Preference-Applied')?.[1];
    await until(async () => (await waitOf(b, ofB)) === 'wait=0');
    expect(await waitOf(a, ofA)).toBe('wait=1');
  });
});

describe('the figures of the platform', () => {
  it('are on another port than clients are, which in turn serves nothing of theirs', async () => {
    await start({}, 'offered');
    const jobId = await submitAs(a);
    for (const path of ['/metrics', '/metrics/', '/METRICS', '/admin', '/debug', '/keys', '/audit']) {
      expect([path, await outcome(a, path)]).toEqual([path, '404 not_found']);
    }
    const metricsPort = Number(new URL(api.metricsUrl ?? '').port);
    for (const path of ['/jobs', `/status/${jobId}`, '/models', '/infer']) {
      expect([path, (await ask(metricsPort, { path, headers: a.lines })).status]).toEqual([path, 404]);
    }
    const { body } = await ask(metricsPort, { path: '/metrics' });
    for (const word of [jobId, a.name, b.name, a.keyId]) expect(body).not.toContain(word);
  });

  it('are on no port unless they are asked for', async () => {
    await start();
    expect(api.metricsUrl).toBeNull();
    expect(await outcome(a, '/metrics')).toBe('404 not_found');
  });
});
