import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { statusBodySchema, type JobId, type StatusBody } from '@bpi/job-contract';
import {
  applyEvents,
  completeJob,
  inferForm,
  makeKey,
  problemOf,
  startTestApi,
  submit,
  type TestApi,
} from './testing/api-harness.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => api.close());

async function statusOf(jobId: JobId): Promise<StatusBody> {
  const response = await fetch(`${api.url}/status/${jobId}`);
  expect(response.status).toBe(200);
  expect(response.headers.get('cache-control')).toBe('no-store');
  return statusBodySchema.parse(await response.json());
}

/** Ends a job that holds the pool's only slot. */
async function end(jobId: JobId): Promise<void> {
  await applyEvents(api, jobId, [{ type: 'failed', code: 'model_error', atMs: Date.now() }]);
}

describe('GET /status', () => {
  it('follows a job from its queue to its end', async () => {
    const jobId = await submit(api, inferForm({ external_job_id: 'own id' }));
    const atMs = Date.now();
    expect(await statusOf(jobId)).toMatchObject({
      status: 'pending',
      phase: 'queued',
      attempt: 0,
      waiting_for: 'worker',
      cancel_requested: false,
      external_job_id: 'own id',
    });
    await applyEvents(api, jobId, [{ type: 'claimed', pool: 'cpu', definition: null, atMs }]);
    const launching = { status: 'pending', phase: 'launching', waiting_for: 'start', attempt: 1 };
    expect(await statusOf(jobId)).toMatchObject(launching);
    await applyEvents(api, jobId, [{ type: 'started', task: 't', atMs }]);
    await api.ports.store.recordProgress(jobId, 1, { fraction: 0.25, step: 'segment', atMs });
    const running = await statusOf(jobId);
    expect(running).toMatchObject({ status: 'running', progress: { fraction: 0.25, step: 'segment' } });
    expect(running.waiting_for).toBeUndefined();
    const notBeforeMs = Date.now() + 60_000;
    await applyEvents(api, jobId, [{ type: 'retried', code: 'platform_error', notBeforeMs, shrink: 'no', atMs }]);
    expect(await statusOf(jobId)).toMatchObject({ status: 'running', phase: 'queued', waiting_for: 'retry' });
    await end(jobId);
    const ended = await statusOf(jobId);
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'model_error', fault: 'model' } });
    expect(ended.ended_at).toBeDefined();
  });

  it('says that a job waits for a slot while the pool has none', async () => {
    const [holder, waiting] = [await submit(api), await submit(api)];
    await applyEvents(api, holder, [{ type: 'claimed', pool: 'cpu', definition: null, atMs: Date.now() }]);
    expect(await statusOf(waiting)).toMatchObject({ waiting_for: 'slot' });
    await end(holder);
    await end(waiting);
  });

  it('answers 304 as long as nothing changed, progress included', async () => {
    const jobId = await submit(api);
    const ask = async (tag: string): Promise<Response> =>
      fetch(`${api.url}/status/${jobId}`, { headers: { 'If-None-Match': tag } });
    const first = await ask('"other"');
    expect([first.status, first.headers.get('retry-after')]).toEqual([200, '1']);
    const etag = first.headers.get('etag') ?? '';
    const same = await ask(`"other", W/${etag}`);
    expect([same.status, await same.text()]).toEqual([304, '']);
    await applyEvents(api, jobId, [{ type: 'claimed', pool: 'cpu', definition: null, atMs: Date.now() }]);
    await api.ports.store.recordProgress(jobId, 1, { fraction: 0.5, step: 'load', atMs: Date.now() });
    const changed = await ask(etag);
    expect(changed.status).toBe(200);
    await api.ports.store.recordProgress(jobId, 1, { fraction: 0.6, step: 'load', atMs: Date.now() + 1 });
    expect((await ask(changed.headers.get('etag') ?? '')).status).toBe(200);
    await end(jobId);
  });

  it('answers HEAD without a body', async () => {
    const response = await fetch(`${api.url}/status/${await submit(api)}`, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(response.headers.get('etag')).not.toBeNull();
  });
});

describe('POST /jobs/:job_id/cancel', () => {
  it('notes the wish, wakes the worker, and may be repeated', async () => {
    const jobId = await submit(api);
    const depth = await api.ports.queue.depth();
    for (let round = 0; round < 2; round += 1) {
      const response = await fetch(`${api.url}/jobs/${jobId}/cancel`, { method: 'POST' });
      expect(response.status).toBe(202);
      const body = statusBodySchema.parse(await response.json());
      expect(body).toMatchObject({ cancel_requested: true, status: 'pending' });
    }
    expect(await api.ports.queue.depth()).toBe(depth + 1);
  });

  it('refuses a job that has ended', async () => {
    const jobId = await submit(api);
    await completeJob(api, jobId, { 'preview.png': Buffer.from('png') });
    const response = await fetch(`${api.url}/jobs/${jobId}/cancel`, { method: 'POST' });
    expect([response.status, (await problemOf(response)).code]).toEqual([409, 'already_ended']);
  });
});

describe('a job of somebody else', () => {
  it('is told apart from a missing and a malformed id by nothing', async () => {
    const jobId = await submit(api);
    const { authorization } = await makeKey(api, 'other-client');
    const unknown = '00000000-0000-4000-8000-000000000000';
    const ids = [jobId, unknown, 'x', '..%2f..%2fetc', '%00', '%FF', jobId.toUpperCase()];
    for (const id of ids) {
      const calls: [string, string][] = [
        ['GET', `/status/${id}`],
        ['GET', `/result/${id}`],
        ['GET', `/result/${id}/pred_mask.npz`],
        ['POST', `/jobs/${id}/cancel`],
        ['DELETE', `/jobs/${id}`],
        ['GET', `/jobs/${id}/logs`],
        ['GET', `/jobs/${id}/events`],
      ];
      for (const [method, path] of calls) {
        const response = await fetch(api.url + path, { method, headers: { authorization } });
        const { instance, ...problem } = await problemOf(response);
        expect([path, response.status, problem.code]).toEqual([path, 404, 'not_found']);
        expect(instance).toBe(response.headers.get('x-request-id'));
      }
    }
    expect((await api.ports.store.get(jobId))?.job).toMatchObject({ cancelRequestedAtMs: null, deletion: null });
  });
});
