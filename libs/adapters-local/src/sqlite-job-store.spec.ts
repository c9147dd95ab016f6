import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobIdSchema, type JobRecord } from '@bpi/job-contract';
import { newJob, transition, type JobEvent } from '@bpi/jobs';
import { openPlatformDatabase, type PlatformDatabase } from './platform-database.ts';
import {
  COUNT_ACTIVE,
  COUNT_QUEUED,
  LIST_ACTIVE,
  LIST_EXPIRING,
  LIST_EXTERNAL,
  LIST_OWN,
  SqliteJobStore,
} from './sqlite-job-store.ts';

const CLAIMED: JobEvent = { type: 'claimed', pool: 'cpu', definition: null, atMs: 1 };
const STARTED: JobEvent = { type: 'started', task: 't', atMs: 2 };

function aJob(): JobRecord {
  return newJob({
    jobId: jobIdSchema.parse('00000000-0000-4000-8000-000000000001'),
    clientId: 'clinic',
    externalJobId: null,
    model: { name: 'echo-model', version: '1.0.0' },
    pool: 'cpu',
    inputSha256: 'a'.repeat(64),
    warnings: [],
    nowMs: 0,
    startDeadlineMs: 1_000,
    totalDeadlineMs: 1_000,
    attemptTimeoutMs: 1_000,
    canShrink: false,
  });
}

describe('SqliteJobStore', () => {
  let folder: string;
  let database: PlatformDatabase;
  let store: SqliteJobStore;
  const job = aJob();
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bpi-store-'));
    database = openPlatformDatabase(join(folder, 'platform.db'));
    store = new SqliteJobStore(database, { pools: { cpu: 1 }, dataRoot: folder });
  });
  afterEach(async () => {
    database.close();
    await rm(folder, { recursive: true });
  });

  const statusFile = () => join(folder, 'jobs', job.jobId, 'status.txt');

  it('shows the public word in status.txt, through a retry and to the end', async () => {
    await store.create(job, null);
    const events: [JobEvent, string][] = [
      [CLAIMED, 'pending\n'],
      [STARTED, 'running\n'],
      [{ type: 'retried', code: 'platform_error', notBeforeMs: 3, shrink: 'no', atMs: 3 }, 'running\n'],
      [{ type: 'failed', code: 'cancelled', atMs: 4 }, 'failed\n'],
    ];
    expect(await readFile(statusFile(), 'utf8')).toBe('pending\n');
    let current = job;
    for (const [event, word] of events) {
      const change = transition(current, event);
      expect(await store.save(change)).toBe('saved');
      current = change.after;
      expect(await readFile(statusFile(), 'utf8')).toBe(word);
    }
    expect(await readdir(join(folder, 'jobs', job.jobId))).toEqual(['status.txt']);
  });

  it('mends a wrong word, or one that is gone, with the next save', async () => {
    await store.create(job, null);
    await writeFile(statusFile(), 'completed\n');
    const claimed = transition(job, CLAIMED);
    await store.save(claimed);
    expect(await readFile(statusFile(), 'utf8')).toBe('pending\n');
    await rm(join(folder, 'jobs'), { recursive: true });
    await store.save(transition(claimed.after, STARTED));
    expect(await readFile(statusFile(), 'utf8')).toBe('running\n');
  });

  it('leaves the word alone when the save is stale or full', async () => {
    await store.create(job, null);
    const held = transition(job, CLAIMED);
    await store.save(held);
    await store.save(transition(held.after, STARTED));
    expect(await store.save(transition(held.after, { type: 'failed', code: 'model_error', atMs: 9 }))).toBe('stale');
    expect(await readFile(statusFile(), 'utf8')).toBe('running\n');
  });

  it('stores nothing when status.txt cannot be written', async () => {
    await mkdir(statusFile(), { recursive: true }); // a folder in its place
    await expect(store.create(job, null)).rejects.toThrow();
    expect(await store.get(job.jobId)).toBeNull();
  });

  it('refuses a record that somebody else changed in the file', async () => {
    await store.create(job, null);
    database.sql("UPDATE jobs SET record = json_set(record, '$.phase', 'sleeping')").run();
    await expect(store.get(job.jobId)).rejects.toThrow();
    database.sql("UPDATE jobs SET record = json_remove(json_set(record, '$.phase', 'queued'), '$.pool')").run();
    await expect(store.listActive({ limit: 1 })).rejects.toThrow();
  });

  it('leaves out a record in a newer form and tells of it, and fills the page with the next ones', async () => {
    const unreadable: string[] = [];
    const onUnreadable = (jobId: string) => unreadable.push(jobId);
    const tolerant = new SqliteJobStore(database, { pools: { cpu: 1 }, dataRoot: folder, onUnreadable });
    const ids = [1, 2, 3, 4].map((n) => jobIdSchema.parse(`00000000-0000-4000-8000-00000000000${n}`));
    for (const jobId of ids) await store.create({ ...job, jobId }, null);
    database.sql("UPDATE jobs SET record = json_set(record, '$.schemaVersion', 2) WHERE job_id < ?").run(ids[2] ?? '');
    const listed = async (limit: number) => (await tolerant.listActive({ limit })).map(({ jobId }) => jobId);
    expect(await listed(1)).toEqual([ids[2]]);
    expect(await listed(2)).toEqual(ids.slice(2));
    unreadable.length = 0;
    expect(await listed(9)).toEqual(ids.slice(2));
    expect(unreadable).toEqual(ids.slice(0, 2));
  });

  it('writes nothing when the slots held do not match the phases', async () => {
    await store.create(job, null);
    const claimed = transition(job, CLAIMED);
    await store.save(claimed);
    database.sql('DELETE FROM pool_holders').run();
    await expect(store.save(transition(claimed.after, STARTED))).rejects.toThrow('slots held');
    expect((await store.get(job.jobId))?.job).toEqual(claimed.after);
  });

  it('removes ended idempotency claims as new ones come', async () => {
    const idOf = (n: number) => jobIdSchema.parse(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`);
    for (let n = 1; n <= 30; n += 1) {
      const claim = { keyDigest: String(n).padStart(64, '0'), fingerprint: 'f', expiresAtMs: n * 10 + 5 };
      await store.create({ ...aJob(), jobId: idOf(n), createdAtMs: n * 10 }, claim);
    }
    expect(database.sql('SELECT count(*) AS n FROM idempotency').get()).toEqual({ n: 1 });
  });

  it('finds the jobs of every list by an index of its own, without sorting', () => {
    const planOf = (sql: string, ...given: (string | number)[]) =>
      database
        .sql(`EXPLAIN QUERY PLAN ${sql}`)
        .all(...given)
        .map((row) => String(row['detail']));
    expect(planOf(LIST_ACTIVE, 0, '', 10)).toEqual([expect.stringMatching(/^SEARCH jobs USING INDEX jobs_active/)]);
    expect(planOf(LIST_EXPIRING, 9, 0, '', 10)).toEqual([expect.stringMatching(/^SEARCH jobs USING INDEX jobs_due/)]);
    expect(planOf(LIST_OWN, 'c', 9, '', 10)).toEqual([expect.stringMatching(/^SEARCH jobs USING INDEX jobs_client/)]);
    expect(planOf(LIST_EXTERNAL, 'c', 'x', 9, '', 10)).toEqual([
      expect.stringMatching(/^SEARCH jobs USING INDEX jobs_external/),
    ]);
  });

  it('counts what waits by an index alone, which holds nothing that ended', () => {
    const planOf = (sql: string, ...given: (string | number)[]) =>
      database
        .sql(`EXPLAIN QUERY PLAN ${sql}`)
        .all(...given)
        .map((row) => String(row['detail']));
    expect(planOf(COUNT_QUEUED, 'c', 10)).toContainEqual(
      expect.stringMatching(/^SEARCH jobs USING COVERING INDEX jobs_queued/),
    );
    expect(planOf(COUNT_ACTIVE, 10)).toContainEqual(
      expect.stringMatching(/^SCAN jobs USING COVERING INDEX jobs_active/),
    );
  });

  it('writes no word of a job that is deleted, so that its folder does not come back', async () => {
    await store.create({ ...job, externalJobId: 'Mustermann' }, null);
    const asked = transition({ ...job, externalJobId: 'Mustermann' }, { type: 'deleteRequested', atMs: 1 });
    expect(await store.save(asked)).toBe('saved');
    const over = transition(asked.after, { type: 'failed', code: 'cancelled', atMs: 2 });
    expect(await store.save(over)).toBe('saved');
    await rm(join(folder, 'jobs', job.jobId), { recursive: true });
    expect(await store.save(transition(over.after, { type: 'deleted', atMs: 3 }))).toBe('saved');
    expect(await readdir(join(folder, 'jobs'))).toEqual([]);
    expect(JSON.stringify(database.sql('SELECT * FROM jobs').all())).not.toContain('Mustermann');
    // Out of the index of its client's list, however many tombstones there are.
    expect(database.sql('SELECT listed, external_job_id FROM jobs').get()).toEqual({
      listed: 0,
      external_job_id: null,
    });
  });

  it('leaves a record in a newer form out of a client’s list, and tells of it', async () => {
    const unreadable: string[] = [];
    const onUnreadable = (jobId: string) => unreadable.push(jobId);
    const tolerant = new SqliteJobStore(database, { pools: { cpu: 1 }, dataRoot: folder, onUnreadable });
    const ids = [1, 2].map((n) => jobIdSchema.parse(`00000000-0000-4000-8000-00000000000${n}`));
    for (const jobId of ids) await store.create({ ...job, jobId }, null);
    database.sql("UPDATE jobs SET record = json_set(record, '$.schemaVersion', 2) WHERE job_id = ?").run(ids[1] ?? '');
    await expect(store.list({ clientId: 'clinic', limit: 5 })).rejects.toThrow();
    const { jobs, next } = await tolerant.list({ clientId: 'clinic', limit: 5 });
    expect([jobs.map((one) => one.job.jobId), next, unreadable]).toEqual([[ids[0]], null, [ids[1]]]);
  });

  it('reads a record of the release before deletions', async () => {
    await store.create(job, null);
    database.sql("UPDATE jobs SET record = json_remove(record, '$.deletion', '$.retention', '$.expired')").run();
    expect((await store.get(job.jobId))?.job).toEqual(job);
  });
});
