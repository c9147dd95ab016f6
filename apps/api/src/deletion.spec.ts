import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deletionBodySchema, jobPrefix, type JobId } from '@bpi/job-contract';
import {
  applyEvents,
  completeJob,
  inferForm,
  makeKey,
  postInfer,
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

async function remove(jobId: JobId): Promise<Response> {
  return fetch(`${api.url}/jobs/${jobId}`, { method: 'DELETE' });
}

describe('DELETE /jobs/:job_id', () => {
  it('notes the wish, wakes the worker, is audited, and may be repeated', async () => {
    const jobId = await submit(api);
    const depth = await api.ports.queue.depth();
    for (let round = 0; round < 2; round += 1) {
      const response = await remove(jobId);
      expect(response.status).toBe(202);
      expect(deletionBodySchema.parse(await response.json())).toEqual({ job_id: jobId, deletion: 'requested' });
    }
    expect(await api.ports.queue.depth()).toBe(depth + 1);
    const audited = api.audited.filter((event) => event.jobId === jobId && event.action === 'delete');
    expect(audited).toHaveLength(2);
    const job = (await api.ports.store.get(jobId))?.job;
    expect(job?.cancelRequestedAtMs).toBe(job?.deletion?.requestedAtMs);
  });

  it('makes every other route of the job answer 410 from then on, whatever became of it', async () => {
    const queued = await submit(api);
    const completed = await submit(api);
    await completeJob(api, completed, { 'preview.png': Buffer.from('png') });
    const done = await submit(api);
    await applyEvents(api, done, [{ type: 'failed', code: 'model_error', atMs: Date.now() }]);
    for (const jobId of [queued, completed, done]) await remove(jobId);
    await applyEvents(api, done, [{ type: 'deleted', atMs: Date.now() }]);
    for (const jobId of [queued, completed, done]) {
      const calls: [string, string][] = [
        ['GET', `/status/${jobId}`],
        ['GET', `/result/${jobId}`],
        ['GET', `/result/${jobId}/preview.png`],
        ['GET', `/jobs/${jobId}/logs`],
        ['POST', `/jobs/${jobId}/cancel`],
      ];
      for (const [method, path] of calls) {
        const response = await fetch(api.url + path, { method });
        expect([path, response.status, (await problemOf(response)).code]).toEqual([path, 410, 'gone']);
      }
      expect((await remove(jobId)).status).toBe(202);
    }
  });

  it('may overtake a download: files that went after the record was read are gone, and no error of ours', async () => {
    const jobId = await submit(api);
    await completeJob(api, jobId, { 'preview.png': Buffer.from('png') });
    await api.ports.objects.deletePrefix(jobPrefix(jobId));
    const response = await fetch(`${api.url}/result/${jobId}/preview.png`);
    expect([response.status, (await problemOf(response)).code]).toEqual([410, 'gone']);
  });

  it('is no business of another client', async () => {
    const other = await startTestApi();
    const jobId = await submit(other);
    const { authorization } = await makeKey(other, 'other-client');
    const response = await fetch(`${other.url}/jobs/${jobId}`, { method: 'DELETE', headers: { authorization } });
    expect([response.status, (await problemOf(response)).code]).toEqual([404, 'not_found']);
    expect((await other.ports.store.get(jobId))?.job.deletion).toBeNull();
    await other.close();
  });

  it('is not undone by sending the job again with its Idempotency-Key', async () => {
    const headers = { 'Idempotency-Key': 'study-4711' };
    const jobId = await submit(api, inferForm(), headers);
    await remove(jobId);
    const again = await postInfer(api, inferForm(), headers);
    expect([again.status, (await problemOf(again)).code]).toEqual([410, 'gone']);
    const folders = await readdir(join(api.dataDir, 'jobs'));
    expect((await submit(api, inferForm(), { 'Idempotency-Key': 'study-4712' })) !== jobId).toBe(true);
    expect(await readdir(join(api.dataDir, 'jobs'))).toHaveLength(folders.length + 1);
  });

  it('drops the words of the client from the record at once', async () => {
    const jobId = await submit(api, inferForm({ external_job_id: 'Mustermann-7Q' }));
    const rows = () => {
      const database = new DatabaseSync(join(api.dataDir, 'platform.db'), { readOnly: true });
      const text = JSON.stringify(database.prepare('SELECT * FROM jobs').all());
      database.close();
      return text;
    };
    expect(rows()).toContain('Mustermann-7Q'); // so that this test could fail
    await remove(jobId);
    expect(rows()).not.toContain('Mustermann-7Q');
  });
});
