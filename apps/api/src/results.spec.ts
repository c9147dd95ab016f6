import { createHash } from 'node:crypto';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { resultBodySchema, type JobId } from '@bpi/job-contract';
import {
  applyEvents,
  completeJob,
  problemOf,
  startTestApi,
  submit,
  until,
  type TestApi,
} from './testing/api-harness.ts';
import { metadataOf } from './testing/metadata-of.ts';
import { head, RawConnection } from './testing/raw-http.ts';

const MASK = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
const ETAG = `"${createHash('sha256').update(MASK).digest('hex')}"`;

let api: TestApi;
let jobId: JobId;
beforeAll(async () => {
  api = await startTestApi();
  jobId = await submit(api);
  await completeJob(api, jobId, {
    'pred_mask.npz': MASK,
    'preview.png': Buffer.from('png'),
    'metadata.json': Buffer.from(JSON.stringify(metadataOf(jobId))),
  });
});
afterAll(async () => api.close());

async function getMask(headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  return fetch(`${api.url}/result/${jobId}/pred_mask.npz`, { headers, method });
}

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

describe('GET /result/:job_id', () => {
  it('lists the artifacts and shows the metadata', async () => {
    const response = await fetch(`${api.url}/result/${jobId}`);
    expect(response.status).toBe(200);
    const body = resultBodySchema.parse(await response.json());
    expect(body.metadata).toEqual(metadataOf(jobId));
    expect(body.artifacts.map(({ name }) => name)).toEqual(['pred_mask.npz', 'preview.png', 'metadata.json']);
    for (const artifact of body.artifacts) {
      const bytes = await bytesOf(await fetch(api.url + artifact.url));
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(artifact.sha256);
    }
  });

  it('shows what it documents of metadata that a newer release wrote, and sends the artifact as it was stored', async () => {
    const newer = await submit(api);
    const stored = JSON.stringify({ ...metadataOf(newer), uncertainty: { mean: 0.1 } });
    await completeJob(api, newer, { 'metadata.json': Buffer.from(stored) });
    const response = await fetch(`${api.url}/result/${newer}`);
    expect(resultBodySchema.parse(await response.json()).metadata).toEqual(metadataOf(newer));
    expect(await (await fetch(`${api.url}/result/${newer}/metadata.json`)).text()).toBe(stored);
  });

  it('is the mask itself for a client that asks for bytes', async () => {
    const response = await fetch(`${api.url}/result/${jobId}`, { headers: { Accept: 'application/octet-stream' } });
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(await bytesOf(response)).toEqual(MASK);
    const json = await fetch(`${api.url}/result/${jobId}`, { headers: { Accept: '*/*' } });
    expect(json.headers.get('content-type')).toContain('application/json');
  });

  it('is not ready before the job has ended, and says why a failed job has none', async () => {
    const other = await submit(api);
    const early = await fetch(`${api.url}/result/${other}`);
    expect([early.status, (await problemOf(early)).code]).toEqual([409, 'not_ready']);
    expect(early.headers.get('retry-after')).toBe('1');
    await applyEvents(api, other, [{ type: 'failed', code: 'deadline_exceeded', atMs: Date.now() }]);
    for (const path of [`/result/${other}`, `/result/${other}/preview.png`]) {
      const failed = await fetch(api.url + path);
      const problem = await problemOf(failed);
      expect([failed.status, problem.code, problem.job_error?.code]).toEqual([409, 'job_failed', 'deadline_exceeded']);
    }
  });
});

describe('GET /result/:job_id/:artifact', () => {
  it('is a download under our own name', async () => {
    const response = await getMask({ 'Accept-Encoding': 'identity' });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '1000',
      'content-disposition': 'attachment; filename="pred_mask.npz"',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      etag: ETAG,
    });
    expect(await bytesOf(response)).toEqual(MASK);
  });

  it.each([
    ['bytes=0-99', 0, 99],
    ['bytes=0-0', 0, 0],
    ['bytes=990-', 990, 999],
    ['bytes=-10', 990, 999],
    ['bytes=-5000', 0, 999],
    ['bytes=900-5000', 900, 999],
  ])('in part: %s', async (range, start, end) => {
    const response = await getMask({ Range: range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/1000`);
    expect(await bytesOf(response)).toEqual(MASK.subarray(start, end + 1));
  });

  it.each(['bytes=1000-', 'bytes=5000-6000', 'bytes=-0'])('not outside: %s', async (range) => {
    const response = await getMask({ Range: range });
    expect([response.status, (await problemOf(response)).code]).toEqual([416, 'range_invalid']);
    expect(response.headers.get('content-range')).toBe('bytes */1000');
  });

  const ignored = ['bytes=5-2', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=-', 'bytes=a-b', 'bytes=0x1-2'];
  it.each(ignored)('whole for %s', async (range) => {
    const response = await getMask({ Range: range });
    expect(response.status).toBe(200);
    expect(await bytesOf(response)).toEqual(MASK);
  });

  it('whole if the range is of another version', async () => {
    expect((await getMask({ Range: 'bytes=0-1', 'If-Range': '"old"' })).status).toBe(200);
    expect((await getMask({ Range: 'bytes=0-1', 'If-Range': ETAG })).status).toBe(206);
  });

  it('not again to who has it', async () => {
    const response = await getMask({ 'If-None-Match': ETAG });
    expect([response.status, await response.text()]).toEqual([304, '']);
  });

  it('without its body for HEAD, ranges or not', async () => {
    const response = await getMask({ Range: 'bytes=0-9' }, 'HEAD');
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '1000', '']);
  });

  it('only under the names we gave, and only those that were stored', async () => {
    for (const name of ['pred_mask.nii.gz', 'input.npz', 'report.json', '..%2freport.json', 'constructor']) {
      expect((await fetch(`${api.url}/result/${jobId}/${name}`)).status).toBe(404);
    }
  });

  it('leaves no file open, and is no failure, when its client goes before the first byte', async () => {
    const audited = api.audited.length;
    const lines = api.logLines.length;
    // Whoever holds the write lock holds up the audit entry, and with it the answer.
    const other = new DatabaseSync(join(api.dataDir, 'platform.db'));
    other.exec('BEGIN IMMEDIATE');
    const connection = await RawConnection.open(api.port);
    connection.send(head('GET', `/result/${jobId}/pred_mask.npz`));
    // The answer waits behind the lock for 10 s at most; the line is written when its client is gone.
    setTimeout(() => connection.abort(), 50);
    await until(() => api.logLines.slice(lines).some((line) => line.includes('"status":499')));
    other.exec('ROLLBACK');
    other.close();
    await until(() => api.audited.length > audited);
    expect((await getMask()).status).toBe(200); // has gone the same way after it
    await until(async () => (await openObjects()).length === 0);
    expect(api.logLines.slice(lines).filter((line) => line.includes('http.failed'))).toEqual([]);
  });
});

/** Files of the job that this process has open. */
async function openObjects(): Promise<string[]> {
  const names = await readdir('/proc/self/fd');
  const paths = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(join(api.dataDir, 'jobs')));
}
