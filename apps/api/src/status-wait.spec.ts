import { afterEach, describe, expect, it } from '@jest/globals';
import { statusBodySchema, type JobId } from '@bpi/job-contract';
import { AWS_WAITING, type ApiSettings } from './settings.ts';
import { applyEvents, makeKey, problemOf, startTestApi, submit, until, type TestApi } from './testing/api-harness.ts';
import { notingStore, type Reads } from './testing/noting-store.ts';
import { head, RawConnection } from './testing/raw-http.ts';

let api: TestApi;
let reads: Reads;
afterEach(async () => api.close());

async function start(settings: Partial<ApiSettings> = {}): Promise<void> {
  reads = { gets: 0, marks: [] };
  api = await startTestApi({
    settings: { watchTickMs: 10, ...settings },
    store: (store) => notingStore(store, reads),
  });
}

type Asked = { status: number; etag: string; applied: string | null; body: string; tookMs: number };

async function ask(jobId: string, query = '', headers: Record<string, string> = {}): Promise<Asked> {
  const startedMs = performance.now();
  const response = await fetch(`${api.url}/status/${jobId}${query}`, { headers });
  const body = await response.text();
  const applied = response.headers.get('preference-applied');
  const etag = response.headers.get('etag') ?? '';
  return { status: response.status, etag, applied, body, tookMs: performance.now() - startedMs };
}

/** Until the watcher asked for this many jobs: then that many are waited for. */
const watched = async (jobs: number) => until(() => reads.marks.at(-1) === jobs);

/** What ended long ago would be past its retention. */
const NOW_MS = Date.now();
const CLAIMED = { type: 'claimed', pool: 'cpu', definition: null, atMs: NOW_MS + 1 } as const;
const STARTED = { type: 'started', task: 't', atMs: NOW_MS + 2 } as const;
const FAILED = { type: 'failed', code: 'model_error', atMs: NOW_MS + 3 } as const;
const phaseOf = ({ body }: Asked) => statusBodySchema.parse(JSON.parse(body)).phase;

describe('GET /status with wait', () => {
  it('answers 200 as soon as the entity tag is another one, progress included', async () => {
    await start();
    const jobId = await submit(api);
    const { etag } = await ask(jobId);
    const waiting = ask(jobId, '?wait=60', { 'If-None-Match': etag });
    await watched(1);
    await applyEvents(api, jobId, [CLAIMED]);
    const claimed = await waiting;
    expect([claimed.status, phaseOf(claimed), claimed.applied]).toEqual([200, 'launching', 'wait=60']);
    expect(claimed).toMatchObject({ etag: (await ask(jobId)).etag });
    const again = ask(jobId, '?wait=60', { 'If-None-Match': claimed.etag });
    await api.ports.store.recordProgress(jobId, 1, { fraction: 0.5, step: 'load', atMs: 5 });
    expect(statusBodySchema.parse(JSON.parse((await again).body)).progress).toEqual({ fraction: 0.5, step: 'load' });
  });

  it('answers at once when the entity tag is another one already', async () => {
    await start();
    const jobId = await submit(api);
    const answer = await ask(jobId, '?wait=60', { 'If-None-Match': '"other"' });
    expect([answer.status, answer.applied, reads.marks]).toEqual([200, 'wait=60', []]);
  });

  it('answers 304 at the end of the wait when nothing that is shown changed', async () => {
    await start();
    const jobId = await submit(api);
    await applyEvents(api, jobId, [CLAIMED]);
    const { etag } = await ask(jobId);
    const waiting = ask(jobId, '?wait=1', { 'If-None-Match': etag });
    await watched(1);
    // The record changes, what its client is shown does not.
    await applyEvents(api, jobId, [{ type: 'taskSeen', task: 't', waitsForCapacity: false }]);
    const answer = await waiting;
    expect(answer).toMatchObject({ status: 304, body: '', etag, applied: 'wait=1' });
    expect(answer.tookMs).toBeGreaterThan(950);
  });

  it('without an entity tag waits for the end of the job, whatever comes before it', async () => {
    await start();
    const jobId = await submit(api);
    const waiting = ask(jobId, '?wait=60');
    await watched(1);
    await applyEvents(api, jobId, [CLAIMED, STARTED]);
    const gets = reads.gets;
    await until(() => reads.gets > gets); // it was woken, and waits on
    await applyEvents(api, jobId, [FAILED]);
    expect(phaseOf(await waiting)).toBe('failed');
    expect((await ask(jobId, '?wait=60')).tookMs).toBeLessThan(5_000);
  });

  it('answers what there is when the job has not ended in time', async () => {
    await start();
    const answer = await ask(await submit(api), '?wait=1');
    expect([answer.status, phaseOf(answer)]).toEqual([200, 'queued']);
    expect(answer.tookMs).toBeGreaterThan(950);
  });

  it('ends with 410 when the job is deleted meanwhile, and with 404 for a job of somebody else', async () => {
    await start();
    const jobId = await submit(api);
    const waiting = ask(jobId, '?wait=60');
    await watched(1);
    await fetch(`${api.url}/jobs/${jobId}`, { method: 'DELETE' });
    expect(await waiting).toMatchObject({ status: 410 });
    const { authorization } = await makeKey(api, 'other-clinic');
    expect(await ask(jobId, '?wait=60', { authorization })).toMatchObject({ status: 404 });
  });

  it('refuses a wait that is no whole number of seconds from 1 to 60, and what else it does not know', async () => {
    await start();
    const jobId = await submit(api);
    const queries = ['wait=0', 'wait=61', 'wait=1.5', 'wait=-1', 'wait=', 'wait=x', 'wait=1&wait=2', 'delay=1'];
    for (const query of queries) {
      const response = await fetch(`${api.url}/status/${jobId}?${query}`);
      const { code, fields = [] } = await problemOf(response);
      const named = query.startsWith('wait') ? ['wait'] : [];
      expect([query, response.status, code, fields]).toEqual([query, 400, 'query_invalid', named]);
    }
  });

  it('shortens a wait that is longer than this deployment holds, and says so', async () => {
    await start({ ...AWS_WAITING, waitSecondsMax: 1 });
    const answer = await ask(await submit(api), '?wait=60');
    expect([answer.status, answer.applied]).toEqual([200, 'wait=1']);
    expect(answer.tookMs).toBeLessThan(10_000);
  });
});

describe('many that wait', () => {
  const CLIENTS = 60;
  const JOBS = 20;

  it('cost one read per tick together, and a look each when their job changed', async () => {
    await start({ waitsPerClientMax: CLIENTS });
    const jobIds: JobId[] = [];
    for (let n = 0; n < JOBS; n += 1) jobIds.push(await submit(api));
    const etags = new Map<JobId, string>();
    for (const jobId of jobIds) etags.set(jobId, (await ask(jobId)).etag);
    reads.gets = 0;
    const waits = Array.from({ length: CLIENTS }, (_, n) => jobIds[n % JOBS] ?? '').map(async (jobId) =>
      ask(jobId, '?wait=60', { 'If-None-Match': etags.get(jobId as JobId) ?? '' }),
    );
    await watched(JOBS);
    await until(() => reads.gets === CLIENTS); // each looked once as it came
    const ticks = reads.marks.length;
    await until(() => reads.marks.length > ticks + 5);
    expect(reads.gets).toBe(CLIENTS);
    expect(Math.max(...reads.marks)).toBe(JOBS);
    for (const jobId of jobIds) await applyEvents(api, jobId, [{ type: 'cancelRequested', atMs: 5 }]);
    expect((await Promise.all(waits)).map(({ status }) => status)).toEqual(Array(CLIENTS).fill(200));
    expect(reads.gets).toBe(2 * CLIENTS);
    const asleep = reads.marks.length;
    await ask(jobIds[0] ?? '');
    expect(reads.marks.length).toBeLessThanOrEqual(asleep + 1);
  });

  it('are answered at once beyond the places of one client or of all, with when to ask again', async () => {
    await start({ waitsPerClientMax: 2, waitsMax: 3 });
    const { authorization: a } = await makeKey(api, 'clinic-a');
    const { authorization: b } = await makeKey(api, 'clinic-b');
    const own = async (authorization: string) => submit(api, undefined, { authorization });
    const jobs = { a: [await own(a), await own(a), await own(a)], b: [await own(b), await own(b)] };
    const held = [0, 1].map(async (n) => ask(jobs.a[n] ?? '', '?wait=60', { authorization: a }));
    await watched(2);
    expect(await ask(jobs.a[2] ?? '', '?wait=60', { authorization: a })).toMatchObject({
      status: 200,
      applied: 'wait=0',
    });
    held.push(ask(jobs.b[0] ?? '', '?wait=60', { authorization: b }));
    await watched(3);
    const response = await fetch(`${api.url}/status/${jobs.b[1]}?wait=60`, { headers: { authorization: b } });
    expect([response.status, response.headers.get('preference-applied'), response.headers.get('retry-after')]).toEqual([
      200,
      'wait=0',
      '1',
    ]);
    for (const jobId of [...jobs.a, ...jobs.b]) await applyEvents(api, jobId, [{ type: 'deleteRequested', atMs: 5 }]);
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([410, 410, 410]);
  });

  it('leave their place free for the next when they go away', async () => {
    await start({ waitsPerClientMax: 1 });
    const [first, second] = [await submit(api), await submit(api)];
    const connection = await RawConnection.open(api.port);
    connection.send(head('GET', `/status/${first}?wait=60`));
    await watched(1);
    connection.abort();
    await until(() => api.logLines.some((line) => line.includes('"status":499')));
    const before = reads.marks.length;
    const waiting = ask(second, '?wait=60');
    await until(() => reads.marks.length > before);
    await applyEvents(api, second, [CLAIMED, FAILED]);
    expect(await waiting).toMatchObject({ status: 200, applied: 'wait=60' });
  });

  it('are all answered with what there is when the process ends', async () => {
    await start({ shutdownMs: 20_000 });
    const jobIds = [await submit(api), await submit(api)];
    const waits = jobIds.map(async (jobId) => ask(jobId, '?wait=60'));
    await watched(2);
    const startedMs = performance.now();
    await api.close();
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    for (const answer of await Promise.all(waits)) expect([answer.status, phaseOf(answer)]).toEqual([200, 'queued']);
  });

  it('do not count as slow: the log has the time that was asked for apart', async () => {
    await start();
    const { tookMs } = await ask(await submit(api), '?wait=1');
    const isWait = (line: string) => line.includes('"heldMs"');
    await until(() => api.logLines.some(isWait));
    const { durationMs, heldMs } = JSON.parse(api.logLines.find(isWait) ?? '{}');
    expect(heldMs).toBeGreaterThan(950);
    expect(durationMs + heldMs).toBeLessThan(tookMs + 2); // both are rounded
  });
});
