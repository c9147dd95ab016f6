import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobListSchema, logsKey, resultBodySchema, statusBodySchema, type JobId } from '@bpi/job-contract';
import { systemClock } from '@bpi/jobs';
import {
  applyEvents,
  completeJob,
  inferForm,
  postInfer,
  problemOf,
  startTestApi,
  submit,
  type TestApi,
} from './testing/api-harness.ts';
import { metadataOf } from './testing/metadata-of.ts';

const HOUR_MS = 60 * 60 * 1_000;
const retention = { inputMs: 1 * HOUR_MS, logsMs: 2 * HOUR_MS, resultMs: 3 * HOUR_MS, recordMs: 4 * HOUR_MS };

/** Nobody sweeps here: what is answered follows the clock alone. */
let aheadMs = 0;
let api: TestApi;
beforeAll(async () => {
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
  api = await startTestApi({ settings: { retention }, clock });
});
afterAll(async () => api.close());

async function aCompletedJob(form = inferForm(), headers: Record<string, string> = {}): Promise<JobId> {
  aheadMs = 0;
  const jobId = await submit(api, form, headers);
  await completeJob(api, jobId, {
    'pred_mask.npz': Buffer.from('mask'),
    'metadata.json': Buffer.from(JSON.stringify(metadataOf(jobId))),
  });
  await api.ports.objects.put(logsKey(jobId, 1), Buffer.from('done\n'), { ifAbsent: true });
  return jobId;
}

async function answer(path: string, method = 'GET'): Promise<[number, string | null]> {
  const response = await fetch(api.url + path, { method });
  const isProblem = response.headers.get('content-type') === 'application/problem+json';
  return [response.status, isProblem ? (await problemOf(response)).code : null];
}

async function status(jobId: JobId) {
  return statusBodySchema.parse(await (await fetch(`${api.url}/status/${jobId}`)).json());
}

const results = (jobId: JobId) => [`/result/${jobId}`, `/result/${jobId}/pred_mask.npz`];

describe('expires_at', () => {
  it('is shown from the end of a job on, class by class, in its status, in the list and with its result', async () => {
    const jobId = await submit(api);
    expect((await status(jobId)).expires_at).toBeUndefined();
    const completed = await aCompletedJob();
    const body = await status(completed);
    const endedMs = Date.parse(body.ended_at ?? '');
    const at = (ms: number) => new Date(endedMs + ms).toISOString();
    expect(body.expires_at).toEqual({
      input: at(retention.inputMs),
      result: at(retention.resultMs),
      logs: at(retention.logsMs),
      record: at(retention.recordMs),
    });
    const { jobs } = jobListSchema.parse(await (await fetch(`${api.url}/jobs`)).json());
    expect(jobs.find(({ job_id }) => job_id === completed)?.expires_at).toEqual(body.expires_at);
    const result = resultBodySchema.parse(await (await fetch(`${api.url}/result/${completed}`)).json());
    expect(result.expires_at).toBe(at(retention.resultMs));
  });

  it('names no result of a job that has none', async () => {
    const jobId = await submit(api);
    await applyEvents(api, jobId, [{ type: 'failed', code: 'model_error', atMs: Date.now() }]);
    expect(Object.keys((await status(jobId)).expires_at ?? {})).toEqual(['input', 'logs', 'record']);
  });

  it('is what was promised when the job came, whatever the deployment says by now', async () => {
    const other = await startTestApi({ settings: { retention } });
    const promised = await submit(other);
    const stored = (await other.ports.store.get(promised))?.job;
    expect(stored?.retention).toEqual(retention);
    await other.close();
  });
});

describe('what is past its time', () => {
  it('answers 410 from that moment on: the logs, then the result, then everything', async () => {
    const jobId = await aCompletedJob();
    const logs = `/jobs/${jobId}/logs`;
    const gone = [410, 'gone'];
    aheadMs = retention.logsMs - 60_000;
    expect(await answer(logs)).toEqual([200, null]);
    aheadMs = retention.logsMs;
    expect(await answer(logs)).toEqual(gone);
    for (const path of results(jobId)) expect([path, await answer(path)]).toEqual([path, [200, null]]);
    aheadMs = retention.resultMs;
    for (const path of results(jobId)) expect([path, await answer(path)]).toEqual([path, gone]);
    expect((await fetch(`${api.url}/result/${jobId}/pred_mask.npz`, { method: 'HEAD' })).status).toBe(410);
    expect(await answer(`/status/${jobId}`)).toEqual([200, null]);
    aheadMs = retention.recordMs;
    const paths: [string, string][] = [
      ['GET', `/status/${jobId}`],
      ['GET', `/jobs/${jobId}/events`],
      ['GET', logs],
      ['POST', `/jobs/${jobId}/cancel`],
      ...results(jobId).map((path): [string, string] => ['GET', path]),
    ];
    for (const [method, path] of paths) expect([path, await answer(path, method)]).toEqual([path, gone]);
    const { jobs } = jobListSchema.parse(await (await fetch(`${api.url}/jobs?limit=100`)).json());
    expect(jobs.map(({ job_id }) => job_id)).not.toContain(jobId);
    expect(await answer(`/jobs/${jobId}`, 'DELETE')).toEqual([202, null]);
  });

  it('is not given out by sending the job again with its Idempotency-Key', async () => {
    const headers = { 'Idempotency-Key': 'study-1' };
    const jobId = await aCompletedJob(inferForm(), headers);
    aheadMs = retention.recordMs - 60_000;
    expect(await submit(api, inferForm(), headers)).toBe(jobId);
    aheadMs = retention.recordMs;
    const again = await postInfer(api, inferForm(), headers);
    expect([again.status, (await problemOf(again)).code]).toEqual([410, 'gone']);
  });

  it('is never a job that is not over', async () => {
    aheadMs = 0;
    const jobId = await submit(api);
    aheadMs = 10 * retention.recordMs;
    expect(await answer(`/status/${jobId}`)).toEqual([200, null]);
  });
});
