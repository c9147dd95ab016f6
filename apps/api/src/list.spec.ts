import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobListSchema, type JobId, type JobList } from '@bpi/job-contract';
import { cursorOf, positionOfCursor } from './list-cursor.ts';
import {
  applyEvents,
  inferForm,
  makeKey,
  problemOf,
  startTestApi,
  submit,
  type TestApi,
} from './testing/api-harness.ts';
import { npzOf, promptsMember, uint8Imgs } from './testing/npz.ts';

let api: TestApi;
let jobs: JobId[];
beforeAll(async () => {
  api = await startTestApi();
  const prompted = npzOf(uint8Imgs(), [promptsMember({ 1: 'liver' })]);
  jobs = [
    await submit(api, inferForm({ external_job_id: 'scan 7' })),
    await submit(api, inferForm({ model: 'prompted' }, prompted)),
    await submit(api, inferForm({ external_job_id: 'scan 7' })),
    await submit(api),
  ];
  const failed = jobs[0];
  if (failed !== undefined) await applyEvents(api, failed, [{ type: 'failed', code: 'model_error', atMs: Date.now() }]);
});
afterAll(async () => api.close());

async function list(query = '', headers: Record<string, string> = {}): Promise<JobList> {
  const response = await fetch(`${api.url}/jobs${query}`, { headers });
  expect([query, response.status, response.headers.get('cache-control')]).toEqual([query, 200, 'no-store']);
  return jobListSchema.parse(await response.json());
}

const idsOf = (page: JobList) => page.jobs.map(({ job_id }) => job_id);
const numbered = (...numbers: number[]) => numbers.map((n) => jobs[n]);

describe('GET /jobs', () => {
  it('shows each job as its status does, the newest first', async () => {
    const page = await list();
    expect(idsOf(page)).toEqual(numbered(3, 2, 1, 0));
    expect(page.next_cursor).toBeUndefined();
    for (const body of page.jobs) {
      expect(body).toEqual(await (await fetch(`${api.url}/status/${body.job_id}`)).json());
    }
  });

  it.each([
    ['?status=pending', [3, 2, 1]],
    ['?status=failed', [0]],
    ['?status=running', []],
    ['?model=prompted', [1]],
    ['?external_job_id=scan%207', [2, 0]],
    ['?external_job_id=scan+7&status=pending', [2]],
    ['?external_job_id=scan', []],
    ['?model=no-such-model', []],
  ])('finds by %s', async (query, expected) => {
    expect(idsOf(await list(query))).toEqual(numbered(...expected));
  });

  it('goes on where a page ended', async () => {
    const seen: string[] = [];
    let cursor = '';
    for (let pages = 0; pages < 5; pages += 1) {
      const page = await list(`?limit=2${cursor}`);
      seen.push(...idsOf(page));
      if (page.next_cursor === undefined) break;
      cursor = `&cursor=${page.next_cursor}`;
    }
    expect(seen).toEqual(numbered(3, 2, 1, 0));
  });

  it('leaves out what was deleted', async () => {
    const jobId = await submit(api);
    expect(idsOf(await list())).toContain(jobId);
    await fetch(`${api.url}/jobs/${jobId}`, { method: 'DELETE' });
    expect(idsOf(await list())).toEqual(numbered(3, 2, 1, 0));
  });

  const REFUSED: [string, string[]][] = [
    ['?status=sleeping', ['status']],
    ['?status=', ['status']],
    ['?status=pending&status=failed', ['status']],
    ['?limit=0', ['limit']],
    ['?limit=101', ['limit']],
    ['?limit=1.5', ['limit']],
    ['?limit=1e1', ['limit']],
    ['?limit=%2B1', ['limit']],
    ['?limit=99999999999999999999', ['limit']],
    ['?cursor=%00', ['cursor']],
    ['?cursor=bm9uZQ', ['cursor']],
    [`?cursor=${'A'.repeat(200)}`, ['cursor']],
    ['?model=A%20b', ['model']],
    ['?external_job_id=', ['external_job_id']],
    ['?external_job_id=a%0Ab&limit=x', ['external_job_id', 'limit']],
    ['?externaljobid=scan', []],
    ['?Mustermann=1', []],
    ['?__proto__=1', []],
    ['?constructor=1', []],
    ['?status[]=pending', []],
  ];
  it.each(REFUSED)('refuses %s, and names only parameters of ours', async (query, fields) => {
    const response = await fetch(`${api.url}/jobs${query}`);
    const problem = await problemOf(response);
    expect([response.status, problem.code, [...(problem.fields ?? [])].sort()]).toEqual([400, 'query_invalid', fields]);
    expect(JSON.stringify(problem)).not.toContain('Mustermann');
  });
});

describe('a cursor', () => {
  it('names a place and nothing else', () => {
    const position = { createdAtMs: 1_893_456_000_000, jobId: '0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203' as JobId };
    expect(positionOfCursor(cursorOf(position))).toEqual(position);
    for (const text of ['', '1.x', '-1.0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203', `${'9'.repeat(16)}.${position.jobId}`]) {
      expect(() => positionOfCursor(Buffer.from(text).toString('base64url'))).toThrow();
    }
  });
});

describe('the list of another client', () => {
  it('is its own, also with a cursor that this one was given', async () => {
    const { next_cursor: cursor } = await list('?limit=1');
    const { authorization } = await makeKey(api, 'other-client');
    expect(await list('', { authorization })).toEqual({ jobs: [] });
    expect(await list(`?cursor=${cursor}`, { authorization })).toEqual({ jobs: [] });
  });
});
