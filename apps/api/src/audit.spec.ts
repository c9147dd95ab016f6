import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { logsKey, type JobId } from '@bpi/job-contract';
import {
  completeJob,
  inferForm,
  makeKey,
  postInfer,
  startTestApi,
  submit,
  type TestApi,
} from './testing/api-harness.ts';
import { metadataOf } from './testing/metadata-of.ts';

const UNKNOWN = '00000000-0000-4000-8000-000000000000';

let api: TestApi;
let keyId: string;
let headers: { authorization: string };
beforeEach(async () => {
  api = await startTestApi({ settings: { keyless: 'refused' } });
  const key = await makeKey(api, 'clinic');
  keyId = key.keyId;
  headers = { authorization: key.authorization };
});
afterEach(async () => api.close());

async function aCompletedJob(): Promise<JobId> {
  const jobId = await submit(api, inferForm(), headers);
  await completeJob(api, jobId, {
    'pred_mask.npz': Buffer.from('mask'),
    'metadata.json': Buffer.from(JSON.stringify(metadataOf(jobId))),
  });
  await api.ports.objects.put(logsKey(jobId, 1), Buffer.from('done\n'), { ifAbsent: true });
  return jobId;
}

/** Does it, and answers the entries that it left, without who and when. */
async function entriesOf(method: string, path: string, given: Record<string, string> = {}): Promise<unknown[]> {
  const before = api.audited.length;
  const response = await fetch(api.url + path, { method, headers: { ...headers, ...given }, redirect: 'manual' });
  await response.arrayBuffer();
  for (const event of api.audited.slice(before)) {
    expect(event).toMatchObject({ clientId: 'clinic', keyId, requestId: response.headers.get('x-request-id') });
    expect(Math.abs(event.atMs - Date.now())).toBeLessThan(60_000);
  }
  return api.audited.slice(before).map(({ action, jobId, outcome }) => [action, jobId, outcome]);
}

describe('the audit trail', () => {
  it('has one entry for each thing that was done', async () => {
    const jobId = await aCompletedJob();
    expect(api.audited.map(({ action, outcome }) => [action, outcome])).toEqual([['submit', 'done']]);
    const reads: [string, string, Record<string, string>][] = [
      ['GET', `/result/${jobId}`, {}],
      ['GET', `/result/${jobId}`, { accept: 'application/octet-stream' }],
      ['GET', `/result/${jobId}/pred_mask.npz`, { range: 'bytes=0-1' }],
      ['HEAD', `/result/${jobId}/pred_mask.npz`, {}],
    ];
    for (const [method, path, given] of reads) {
      expect([path, await entriesOf(method, path, given)]).toEqual([path, [['result.read', jobId, 'done']]]);
    }
    expect(await entriesOf('GET', `/jobs/${jobId}/logs`)).toEqual([['logs.read', jobId, 'done']]);
    expect(await entriesOf('DELETE', `/jobs/${jobId}`)).toEqual([['delete', jobId, 'done']]);
    const queued = await submit(api, inferForm(), headers);
    expect(await entriesOf('POST', `/jobs/${queued}/cancel`)).toEqual([['cancel', queued, 'done']]);
  });

  it('says what became of what was refused', async () => {
    const jobId = await aCompletedJob();
    const queued = await submit(api, inferForm(), headers);
    const deleted = await submit(api, inferForm(), headers);
    await fetch(`${api.url}/jobs/${deleted}`, { method: 'DELETE', headers });
    const cases: [string, string, Record<string, string>, unknown[]][] = [
      ['POST', `/jobs/${jobId}/cancel`, {}, ['cancel', jobId, 'already_ended']],
      ['POST', `/jobs/${deleted}/cancel`, {}, ['cancel', deleted, 'gone']],
      ['GET', `/result/${deleted}`, {}, ['result.read', deleted, 'gone']],
      ['GET', `/jobs/${deleted}/logs`, {}, ['logs.read', deleted, 'gone']],
      ['GET', `/result/${queued}`, {}, ['result.read', queued, 'refused']],
      ['GET', `/result/${jobId}/preview.png`, {}, ['result.read', jobId, 'not_found']],
      ['GET', `/result/${jobId}/pred_mask.npz`, { range: 'bytes=9-' }, ['result.read', jobId, 'refused']],
      ['GET', `/jobs/${queued}/logs`, {}, ['logs.read', queued, 'not_found']],
      ['GET', `/jobs/${jobId}/logs?tail=x`, {}, ['logs.read', jobId, 'refused']],
      ['DELETE', `/jobs/${UNKNOWN}`, {}, ['delete', null, 'not_found']],
      ['DELETE', '/jobs/Mustermann', {}, ['delete', null, 'not_found']],
      ['GET', '/result/Mustermann', {}, ['result.read', null, 'not_found']],
    ];
    for (const [method, path, given, entry] of cases) {
      expect([path, await entriesOf(method, path, given)]).toEqual([path, [entry]]);
    }
    expect(JSON.stringify(api.audited)).not.toContain('Mustermann');
    await postInfer(api, inferForm({ model: 'none' }), headers);
    expect(api.audited.at(-1)).toMatchObject({ clientId: 'clinic', action: 'submit', jobId: null, outcome: 'refused' });
  });

  it('says that a result whose files are gone was not read', async () => {
    const jobId = await aCompletedJob();
    await api.ports.objects.deletePrefix(`jobs/${jobId}/attempts/`);
    for (const path of [`/result/${jobId}`, `/result/${jobId}/pred_mask.npz`]) {
      expect([path, await entriesOf('GET', path)]).toEqual([path, [['result.read', jobId, 'gone']]]);
    }
  });

  it('names the job that a stranger tried to touch, and the stranger learns nothing', async () => {
    const other = await makeKey(api, 'other-clinic');
    const jobId = await submit(api, inferForm(), { authorization: other.authorization });
    const cases: [string, string, string][] = [
      ['POST', `/jobs/${jobId}/cancel`, 'cancel'],
      ['DELETE', `/jobs/${jobId}`, 'delete'],
      ['GET', `/result/${jobId}`, 'result.read'],
      ['GET', `/result/${jobId}/preview.png`, 'result.read'],
      ['GET', `/jobs/${jobId}/logs`, 'logs.read'],
    ];
    for (const [method, path, action] of cases) {
      expect([path, await entriesOf(method, path)]).toEqual([path, [[action, jobId, 'not_found']]]);
      const bodies = await Promise.all(
        [jobId, UNKNOWN].map(async (id) => {
          const response = await fetch(api.url + path.replace(jobId, id), { method, headers });
          const { instance: _, ...problem } = JSON.parse(await response.text());
          return [response.status, problem];
        }),
      );
      expect(bodies[0]).toEqual(bodies[1]);
    }
  });

  it('is not filled by refusals, and one client’s leave room for another’s', async () => {
    for (let round = 0; round < 70; round += 1) await entriesOf('DELETE', `/jobs/${UNKNOWN}`);
    expect(api.audited).toHaveLength(60);
    const other = await makeKey(api, 'other-clinic');
    const asOther = { headers: { authorization: other.authorization }, method: 'DELETE' };
    await fetch(`${api.url}/jobs/${UNKNOWN}`, asOther);
    await fetch(`${api.url}/models`);
    expect(api.audited.slice(60).map(({ clientId, action }) => [clientId, action])).toEqual([
      ['other-clinic', 'delete'],
      [null, 'auth.refused'],
    ]);
  });
});
