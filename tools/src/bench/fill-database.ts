import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { openPlatformDatabase, SqliteJobQueue, SqliteJobStore, type PlatformDatabase } from '@bpi/adapters-local';
import { jobIdSchema, type JobId, type JobRecord } from '@bpi/job-contract';
import { newJob, systemClock, transition, type JobEvent } from '@bpi/jobs';

/** Rows in one transaction: large enough to be quick, small enough to keep the write-ahead log short. */
const BATCH_ROWS = 20_000;
const DAY_MS = 24 * 60 * 60 * 1_000;
const POOL = 'cpu';
/** Odd, so that multiplying by it is one-to-one modulo 2^32: ids come in no order, as random ones do. */
const SCATTER = 2_654_435_761;
const SCATTER_MODULUS = 4_294_967_296;

export type Store = { database: PlatformDatabase; jobs: SqliteJobStore; queue: SqliteJobQueue };

export function openStore(dataDir: string): Store {
  const database = openPlatformDatabase(join(dataDir, 'platform.db'));
  const jobs = new SqliteJobStore(database, { pools: { [POOL]: 1 }, dataRoot: dataDir });
  return { database, jobs, queue: new SqliteJobQueue(database, systemClock) };
}

/** A queued job with its wake-up, made as the API makes it. */
export async function addQueued({ jobs, queue }: Store): Promise<JobRecord> {
  const job = newJob({
    jobId: jobIdSchema.parse(randomUUID()),
    clientId: 'bench-0',
    externalJobId: null,
    model: { name: 'brain-mri', version: '1.0.0' },
    pool: POOL,
    inputSha256: '0'.repeat(64),
    warnings: ['orientation_unknown'],
    nowMs: Date.now(),
    startDeadlineMs: DAY_MS,
    totalDeadlineMs: 2 * DAY_MS,
    attemptTimeoutMs: 600_000,
    canShrink: true,
  });
  await jobs.create(job, null);
  await queue.send(job, 0);
  return job;
}

export async function apply(jobs: SqliteJobStore, job: JobRecord, event: JobEvent): Promise<JobRecord> {
  const change = transition(job, event);
  const result = await jobs.save(change);
  if (result !== 'saved') throw new Error(`a save without rivals answered ${result}`);
  return change.after;
}

/** The way to the end of a job whose model failed, with everything done that comes after the end. */
export async function finish(jobs: SqliteJobStore, job: JobRecord): Promise<void> {
  const atMs = Date.now();
  let ended = await apply(jobs, job, { type: 'failed', code: 'model_error', atMs });
  const epochs = ended.leftovers.map(({ epoch }) => epoch);
  if (epochs.length > 0) ended = await apply(jobs, ended, { type: 'leftoversRemoved', epochs });
  await apply(jobs, ended, { type: 'projected', atVersion: ended.version });
}

/** One row that the store itself wrote, many times, with ids and times of their own. No files lie beside them. */
export async function copyJob({ database }: Store, jobId: JobId, count: number): Promise<void> {
  const columns = database
    .sql('PRAGMA table_info(jobs)')
    .all()
    .map((row) => String(row['name']));
  const newId = `printf('%08x-0000-4000-8000-%012x', (i * ${SCATTER}) % ${SCATTER_MODULUS}, i)`;
  const values = columns.map((name) => {
    if (name === 'job_id') return newId;
    if (name === 'created_at_ms') return 'created_at_ms - i';
    if (name === 'record')
      return `replace(replace(record, job_id, ${newId}), '"createdAtMs":' || created_at_ms, '"createdAtMs":' || (created_at_ms - i))`;
    return name;
  });
  const insert = database.sql(`
    WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
    INSERT INTO jobs (${columns.join(', ')}) SELECT ${values.join(', ')} FROM n, jobs WHERE job_id = ?3`);
  for (let first = 1; first <= count; first += BATCH_ROWS) {
    const last = Math.min(count, first + BATCH_ROWS - 1);
    await database.write(() => insert.run(first, last, jobId));
  }
}

/** A wake-up for every queued job that has none. */
export async function wakeQueued({ database }: Store): Promise<void> {
  const insert = database.sql(`
    INSERT INTO queue_messages (job_id, visible_at_ms, received_count)
    SELECT job_id, created_at_ms, 0 FROM jobs
    WHERE phase = 'queued' AND job_id NOT IN (SELECT job_id FROM queue_messages)`);
  await database.write(() => insert.run());
}

/** What a measurement added, taken away again: everything behind the marks. */
export async function withoutLater({ database }: Store, work: () => Promise<void>): Promise<void> {
  const top = (table: string, id: string) =>
    Number(database.sql(`SELECT coalesce(max(${id}), 0) AS top FROM ${table}`).get()?.['top']);
  const marks = { job: top('jobs', 'rowid'), message: top('queue_messages', 'message_id') };
  await work();
  await database.write(() => {
    database.sql('DELETE FROM queue_messages WHERE message_id > ?').run(marks.message);
    database.sql('DELETE FROM jobs WHERE rowid > ?').run(marks.job);
  });
}
