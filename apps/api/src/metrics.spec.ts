import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PROBLEM_CODES } from '@bpi/job-contract';
import type { JobStore } from '@bpi/jobs';
import { ROUTE_PATHS } from './http/route-path.ts';
import {
  applyEvents,
  inferForm,
  makeKey,
  postInfer,
  startTestApi,
  submit,
  until,
  type TestApi,
} from './testing/api-harness.ts';
import { parseExposition, type Sample } from './testing/exposition.ts';
import { notingStore } from './testing/noting-store.ts';
import { FILE_PART_HEAD, inferHead, RawConnection } from './testing/raw-http.ts';

const CANARY = 'Mustermann_Erika_1970';

let api: TestApi;
const connections: RawConnection[] = [];
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.abort();
  await api.close();
});

async function scraped(): Promise<string> {
  const answer = await fetch(api.metricsUrl ?? '');
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  return answer.text();
}

/** The samples of a metric, as `label label value`. */
function shown(samples: readonly Sample[], name: string): string[] {
  return samples
    .filter((sample) => sample.name === name)
    .map(({ labels, value }) => [...Object.values(labels), value].join(' '))
    .sort();
}

async function metrics(): Promise<(name: string) => string[]> {
  const samples = parseExposition(await scraped());
  return (name) => shown(samples, name);
}

/** The store with its census replaced. */
function withCensus(census: JobStore['census']) {
  return (store: JobStore): JobStore => ({ ...notingStore(store, { gets: 0, marks: [] }), census });
}

describe('the metrics of the API', () => {
  it('show the jobs by phase, the age of the queue, slots, disks and what is under way', async () => {
    api = await startTestApi({ metrics: 'offered', freeBytesOf: async () => 2 ** 40 });
    const first = await submit(api);
    await submit(api);
    await applyEvents(api, first, [{ type: 'claimed', pool: 'cpu', definition: null, atMs: Date.now() }]);
    const held = await RawConnection.open(api.port);
    connections.push(held);
    held.send(inferHead(['Content-Length: 4711']) + FILE_PART_HEAD);
    const waiting = new AbortController();
    const asked = fetch(`${api.url}/status/${first}?wait=30`, { signal: waiting.signal });
    await until(async () => {
      const now = await metrics();
      return now('bpi_uploads_in_flight')[0] === '1' && now('bpi_waiters').includes('wait 1');
    });
    const of = await metrics();
    expect(of('bpi_jobs')).toEqual(['launching 1', 'queued 1', 'running 0']);
    expect(Number(of('bpi_queue_oldest_seconds')[0])).toBeGreaterThan(0);
    expect([of('bpi_pool_slots'), of('bpi_pool_free_slots')]).toEqual([
      ['cpu 1', 'gpu 1'],
      ['cpu 0', 'gpu 1'],
    ]);
    expect(of('bpi_disk_free_bytes')).toEqual([`data ${2 ** 40}`, `scratch ${2 ** 40}`]);
    expect(of('bpi_upload_bytes_in_flight')).toEqual(['4711']);
    expect(of('bpi_waiters')).toEqual(['stream 0', 'wait 1']);
    waiting.abort();
    await expect(asked).rejects.toThrow();
    expect(of('bpi_figures_read')).toEqual(['1']);
    expect(of('nodejs_eventloop_lag_p99_seconds')).toHaveLength(1);
    expect(of('process_resident_memory_bytes')).toHaveLength(1);
  });

  it('count requests, uploads by outcome, and new jobs by model', async () => {
    api = await startTestApi({ metrics: 'offered' });
    const key = { 'Idempotency-Key': 'study-1' };
    const jobId = await submit(api, inferForm(), key);
    await submit(api, inferForm(), key);
    expect((await postInfer(api, inferForm({}, Buffer.from('no zip')))).status).toBe(422);
    await (await fetch(`${api.url}/status/${jobId}`)).text();
    await until(() => api.logLines.filter((line) => line.includes('"http.request"')).length === 4);
    const of = await metrics();
    expect(of('bpi_uploads_total')).toEqual(['accepted 2', 'not_a_zip 1']);
    expect(of('bpi_jobs_submitted_total')).toEqual(['fixed 1']);
    expect(Number(of('bpi_upload_bytes_total')[0])).toBeGreaterThan(100);
    expect(of('bpi_problems_total')).toEqual(['not_a_zip 1']);
    expect(of('bpi_http_request_duration_seconds_count')).toEqual([
      '/infer 2xx 2',
      '/infer 4xx 1',
      '/status/:job_id 2xx 1',
    ]);
  });

  it('have only labels of closed lists, whatever clients send as paths, ids, names and keys', async () => {
    api = await startTestApi({ metrics: 'offered' });
    const { authorization } = await makeKey(api, 'clinic');
    const headers = { authorization, 'User-Agent': CANARY, 'Idempotency-Key': CANARY, 'X-Request-Id': CANARY };
    await postInfer(api, inferForm({ external_job_id: CANARY, model: CANARY }), headers);
    await postInfer(api, inferForm({ external_job_id: CANARY }), headers);
    for (const path of [`/${CANARY}`, `/status/${CANARY}`, `/jobs?model=${CANARY}`, `/models/${CANARY}`, '/%FF']) {
      await (await fetch(api.url + path, { headers })).text();
      await (await fetch(api.url + path, { headers: { authorization: `Bearer bpi_${CANARY}` } })).text();
    }
    for (let n = 0; n < 50; n += 1) await (await fetch(`${api.url}/result/${CANARY}${n}`, { headers })).text();
    await until(() => api.logLines.filter((line) => line.includes('"http.request"')).length === 62);
    const text = await scraped();
    expect(text).not.toContain('Mustermann');
    expect(text).not.toContain('clinic');
    const known: Record<string, readonly string[]> = {
      route: [...ROUTE_PATHS, 'other'],
      status_class: ['2xx', '3xx', '4xx', '5xx'],
      code: PROBLEM_CODES,
      outcome: ['accepted', ...PROBLEM_CODES],
      model: ['fixed', 'prompted', 'other'],
      phase: ['queued', 'launching', 'running'],
      pool: ['cpu', 'gpu'],
      disk: ['scratch', 'data'],
      kind: ['wait', 'stream'],
    };
    const own = parseExposition(text).filter(({ name }) => name.startsWith('bpi_'));
    expect(own.length).toBeGreaterThan(20);
    for (const { name, labels } of own) {
      for (const [label, value] of Object.entries(labels).filter(([one]) => one !== 'le')) {
        expect([name, label, known[label]?.includes(value)]).toEqual([name, label, true]);
      }
    }
  });

  it('are there while the store does not answer, without the figures that only it knows', async () => {
    let fails = true;
    api = await startTestApi({
      metrics: 'offered',
      store: withCensus(async () => {
        if (fails) throw new Error(`simulated: ${CANARY}`);
        return { queued: 3, launching: 0, running: 0, oldestQueuedAtMs: null };
      }),
    });
    const before = await metrics();
    expect([before('bpi_figures_read'), before('bpi_jobs'), before('bpi_pool_slots')]).toEqual([['0'], [], []]);
    expect(before('bpi_queue_oldest_seconds')).toEqual([]);
    expect(before('bpi_uploads_in_flight')).toEqual(['0']);
    fails = false;
    const after = await metrics();
    expect([after('bpi_figures_read'), after('bpi_jobs')]).toEqual([['1'], ['launching 0', 'queued 3', 'running 0']]);
  });

  it('are on a listener of their own, which knows nothing else; clients do not reach them', async () => {
    api = await startTestApi({ metrics: 'offered' });
    expect((await fetch(`${api.url}/metrics`)).status).toBe(404);
    for (const path of ['/', '/models', '/metrics/x', '/status/x']) {
      expect((await fetch(new URL(path, api.metricsUrl ?? ''))).status).toBe(404);
    }
    expect((await fetch(api.metricsUrl ?? '', { method: 'POST' })).status).toBe(404);
  });

  it('are all explained in the operator’s manual, and it explains none that is not there', async () => {
    api = await startTestApi({ metrics: 'offered' });
    await submit(api);
    const types = [...(await scraped()).matchAll(/^# TYPE (bpi_\w+) /gm)].map(([, name]) => name);
    const manual = await readFile(join(import.meta.dirname, '../../../docs/operations.md'), 'utf8');
    const explained = [...manual.matchAll(/^\| `(bpi_\w+)` \| API /gm)].map(([, name]) => name);
    expect(types.sort()).toEqual(explained.sort());
  });
});
