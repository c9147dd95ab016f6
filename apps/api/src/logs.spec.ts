import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { logsKey, type JobId } from '@bpi/job-contract';
import { applyEvents, makeKey, problemOf, startTestApi, submit, type TestApi } from './testing/api-harness.ts';

const FIRST = 'attempt one\n';
const SECOND = 'loading\nLeber: Frau Mustermann\nläuft\n\ndone\n';

let api: TestApi;
let jobId: JobId;
beforeAll(async () => {
  api = await startTestApi();
  jobId = await submit(api);
  const atMs = Date.now();
  await applyEvents(api, jobId, [
    { type: 'claimed', pool: 'cpu', definition: null, atMs },
    { type: 'retried', code: 'platform_error', notBeforeMs: atMs, shrink: 'no', atMs },
    { type: 'claimed', pool: 'cpu', definition: null, atMs },
  ]);
  for (const [epoch, text] of [FIRST, SECOND].entries()) {
    await api.ports.objects.put(logsKey(jobId, epoch + 1), Buffer.from(text), { ifAbsent: true });
  }
});
afterAll(async () => api.close());

async function logs(query = '', init: RequestInit = {}): Promise<Response> {
  return fetch(`${api.url}/jobs/${jobId}/logs${query}`, init);
}

describe('GET /jobs/:job_id/logs', () => {
  it('is what the newest attempt’s model printed, as text that nobody keeps', async () => {
    const response = await logs();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(Buffer.byteLength(SECOND)),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    expect(await response.text()).toBe(SECOND);
  });

  it.each([
    ['?attempt=1', FIRST],
    ['?attempt=2', SECOND],
    ['?attempt=1&tail=1', FIRST],
    ['?tail=1', 'done\n'],
    ['?tail=2', '\ndone\n'],
    ['?tail=3', 'läuft\n\ndone\n'],
    ['?tail=5', SECOND],
    ['?tail=10000', SECOND],
  ])('%s', async (query, expected) => {
    expect(await (await logs(query)).text()).toBe(expected);
  });

  it('ends where the text does when its last line has no newline', async () => {
    const other = await submit(api);
    await api.ports.objects.put(logsKey(other, 1), Buffer.from('a\nb'), { ifAbsent: true });
    const tail = async (query: string) => (await fetch(`${api.url}/jobs/${other}/logs?attempt=1&tail=${query}`)).text();
    expect([await tail('1'), await tail('2'), await tail('3')]).toEqual(['b', 'a\nb', 'a\nb']);
  });

  it('answers HEAD without the text', async () => {
    const response = await logs('', { method: 'HEAD' });
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([
      200,
      String(Buffer.byteLength(SECOND)),
      '',
    ]);
  });

  it.each(['?attempt=0', '?attempt=61', '?tail=0', '?tail=10001', '?tail=-1', '?tail=1&tail=2', '?lines=5'])(
    'refuses %s',
    async (query) => {
      const response = await logs(query);
      expect([response.status, (await problemOf(response)).code]).toEqual([400, 'query_invalid']);
    },
  );

  it('is not there for an attempt that has none, and for a job that never had one', async () => {
    for (const path of [`/jobs/${jobId}/logs?attempt=3`, `/jobs/${await submit(api)}/logs`]) {
      const response = await fetch(api.url + path);
      expect([response.status, (await problemOf(response)).code]).toEqual([404, 'not_found']);
    }
  });

  it('is audited, and quoted by no log of ours', async () => {
    const before = api.audited.length;
    await (await logs('?tail=4')).text();
    expect(api.audited.slice(before)).toMatchObject([{ action: 'logs.read', jobId }]);
    expect(api.logLines.join('\n')).not.toContain('Mustermann');
    expect(JSON.stringify(api.audited)).not.toContain('Mustermann');
  });

  it('is for the owner only', async () => {
    const { authorization } = await makeKey(api, 'other-client');
    for (const query of ['', '?attempt=1', '?tail=x']) {
      const response = await logs(query, { headers: { authorization } });
      expect([response.status, (await problemOf(response)).code]).toEqual([404, 'not_found']);
    }
  });
});
