import {
  holdsSlot,
  jobIdSchema,
  LIMITS,
  progressSchema,
  storedJobRecordSchema,
  type JobId,
  type JobRecord,
  type Phase,
  type Progress,
} from '@bpi/job-contract';
import {
  assertChange,
  dueAtMs,
  fillPage,
  isActive,
  type Census,
  type Change,
  type CreateResult,
  type DuePosition,
  type IdempotencyClaim,
  type JobPage,
  type JobPosition,
  type JobStore,
  type ListAsk,
  type Room,
  type SaveResult,
  type StoredJob,
} from '@bpi/jobs';
import type { PlatformDatabase } from './platform-database.ts';
import { SqliteJobMarks } from './sqlite-job-marks.ts';
import { writeStatusFile } from './status-file.ts';

export type SqliteJobStoreOptions = {
  /** Slots by pool name. The same in every process that uses the database. */
  pools: Readonly<Record<string, number>>;
  /** The ObjectStore's folder: `jobs/{id}/status.txt` is shown there. */
  dataRoot: string;
  /** `listActive` and `list` tell it of a record that cannot be read and leave that out. Without it such a record is an error. */
  onUnreadable?: (jobId: string) => void;
};

type Row = Record<string, unknown>;

/** Expired idempotency claims removed by one create: more than one adds, so they cannot pile up. */
const EXPIRED_CLAIMS_PER_CREATE = 10;

const FIND_CLAIM = 'SELECT fingerprint, job_id, expires_at_ms FROM idempotency WHERE key_digest = ?';
const PUT_CLAIM = `
  INSERT INTO idempotency (key_digest, fingerprint, job_id, expires_at_ms) VALUES (?, ?, ?, ?)
  ON CONFLICT (key_digest) DO UPDATE SET
    fingerprint = excluded.fingerprint, job_id = excluded.job_id, expires_at_ms = excluded.expires_at_ms`;
const DROP_EXPIRED_CLAIMS = `
  DELETE FROM idempotency WHERE key_digest IN
    (SELECT key_digest FROM idempotency WHERE expires_at_ms <= ?
     ORDER BY expires_at_ms LIMIT ${EXPIRED_CLAIMS_PER_CREATE})`;
const INSERT_JOB = `
  INSERT INTO jobs (job_id, client_id, external_job_id, created_at_ms, pool, phase, epoch, version, active, record)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const STORED_JOB = 'record, progress_epoch, progress_fraction, progress_step, progress_at_ms';
const FIND_JOB = `SELECT ${STORED_JOB} FROM jobs WHERE job_id = ?`;
const FIND_VERSION = 'SELECT version FROM jobs WHERE job_id = ?';
const UPDATE_JOB = `
  UPDATE jobs SET phase = ?, epoch = ?, version = ?, active = ?, listed = ?, external_job_id = ?, due_at_ms = ?,
    record = ?
  WHERE job_id = ?`;
const UPDATE_PROGRESS = `
  UPDATE jobs SET progress_epoch = ?1, progress_fraction = ?2, progress_step = ?3, progress_at_ms = ?4
  WHERE job_id = ?5 AND epoch = ?1 AND phase IN ('launching', 'running')
    AND (progress_epoch IS NOT ?1 OR progress_at_ms <= ?4)`;
const COUNT_HOLDERS = 'SELECT count(*) AS held FROM pool_holders WHERE pool = ?';
const IS_HOLDER = 'SELECT 1 FROM pool_holders WHERE job_id = ?';
const TAKE_SLOT = 'INSERT INTO pool_holders (job_id, pool) VALUES (?, ?)';
const FREE_SLOT = 'DELETE FROM pool_holders WHERE job_id = ?';
/** Exported for the test that looks at its plan. */
export const LIST_ACTIVE = `
  SELECT record, created_at_ms AS at_ms, job_id FROM jobs
  WHERE active = 1 AND (created_at_ms, job_id) > (?, ?)
  ORDER BY created_at_ms, job_id LIMIT ?`;
/** By when at the latest, then behind which job and how many. Exported as above. */
export const LIST_EXPIRING = `
  SELECT record, due_at_ms AS at_ms, job_id FROM jobs
  WHERE due_at_ms <= ? AND (due_at_ms, job_id) > (?, ?)
  ORDER BY due_at_ms, job_id LIMIT ?`;
/** By client, then behind which job and how many. Exported as above. */
export const LIST_OWN = `
  SELECT job_id, created_at_ms, ${STORED_JOB} FROM jobs
  WHERE client_id = ? AND listed = 1 AND (created_at_ms, job_id) < (?, ?)
  ORDER BY created_at_ms DESC, job_id DESC LIMIT ?`;
/** By client and its own id of the job, then as above. */
export const LIST_EXTERNAL = `
  SELECT job_id, created_at_ms, ${STORED_JOB} FROM jobs
  WHERE client_id = ? AND external_job_id = ? AND listed = 1 AND (created_at_ms, job_id) < (?, ?)
  ORDER BY created_at_ms DESC, job_id DESC LIMIT ?`;

/** By client and at most how many. Exported as above. */
export const COUNT_QUEUED = `
  SELECT count(*) AS queued FROM (SELECT 1 FROM jobs WHERE client_id = ? AND phase = 'queued' LIMIT ?)`;
/** Exported as above. */
export const COUNT_ACTIVE = `
  SELECT phase, count(*) AS jobs, min(created_at_ms) AS oldest_at_ms FROM
    (SELECT phase, created_at_ms FROM jobs WHERE active = 1 ORDER BY created_at_ms, job_id LIMIT ?)
  GROUP BY phase`;

/** The truth about jobs in `platform.db`. Records are checked when they are read: the file is a border of trust. */
export class SqliteJobStore implements JobStore {
  readonly #database: PlatformDatabase;
  readonly #pools: Readonly<Record<string, number>>;
  readonly #dataRoot: string;
  readonly #onUnreadable: ((jobId: string) => void) | undefined;
  readonly #marks: SqliteJobMarks;

  constructor(database: PlatformDatabase, options: SqliteJobStoreOptions) {
    this.#database = database;
    this.#pools = options.pools;
    this.#dataRoot = options.dataRoot;
    this.#onUnreadable = options.onUnreadable;
    this.#marks = new SqliteJobMarks(database);
  }

  async create(job: JobRecord, claim: IdempotencyClaim | null): Promise<CreateResult> {
    if (job.phase !== 'queued' || job.version !== 1) throw new Error('create takes a new job: queued, version 1');
    const record = recordText(job);
    return this.#database.write(() => {
      const earlier = this.#earlier(job, claim);
      if (earlier !== null) return earlier;
      this.#database
        .sql(INSERT_JOB)
        .run(...identityOf(job), job.createdAtMs, job.pool, job.phase, 0, job.version, activeFlag(job), record);
      if (claim !== null) {
        this.#database.sql(PUT_CLAIM).run(claim.keyDigest, claim.fingerprint, job.jobId, claim.expiresAtMs);
        this.#database.sql(DROP_EXPIRED_CLAIMS).run(job.createdAtMs);
      }
      writeStatusFile(this.#dataRoot, job);
      return { kind: 'created' };
    });
  }

  async get(jobId: JobId): Promise<StoredJob | null> {
    return this.#database.read(() => this.#find(jobId));
  }

  async marks(jobIds: readonly JobId[]): Promise<ReadonlyMap<JobId, string>> {
    return this.#database.read(() => this.#marks.read(jobIds));
  }

  async save(change: Change): Promise<SaveResult> {
    assertChange(change);
    const { before, after } = change;
    const record = recordText(after);
    return this.#database.write(() => {
      const version = this.#database.sql(FIND_VERSION).get(after.jobId)?.['version'];
      if (version !== before.version) return 'stale';
      if (change.slot === 'take') {
        if (this.#held(change.pool) >= this.#slots(change.pool)) return 'full';
        this.#database.sql(TAKE_SLOT).run(after.jobId, change.pool);
      }
      if (change.slot === 'free') this.#database.sql(FREE_SLOT).run(after.jobId);
      this.#assertSlotMatchesPhase(after);
      this.#database
        .sql(UPDATE_JOB)
        .run(
          after.phase,
          after.attempt?.epoch ?? 0,
          after.version,
          activeFlag(after),
          after.deletion === null ? 1 : 0,
          after.externalJobId,
          dueAtMs(after),
          record,
          after.jobId,
        );
      // The folder of a job that is deleted goes, and no word may bring it back.
      if (after.deletion === null) writeStatusFile(this.#dataRoot, after);
      return 'saved';
    });
  }

  async recordProgress(jobId: JobId, epoch: number, progress: Progress): Promise<boolean> {
    const { fraction, step, atMs } = progressSchema.parse(progress);
    return this.#database.write(
      () => this.#database.sql(UPDATE_PROGRESS).run(epoch, fraction, step, atMs, jobId).changes === 1,
    );
  }

  async listActive(page: { limit: number; after?: { createdAtMs: number; jobId: JobId } }): Promise<JobRecord[]> {
    const { createdAtMs = -1, jobId = '' } = page.after ?? {};
    return this.#page([createdAtMs, jobId], page.limit, (atMs, behind, count) =>
      this.#database.sql(LIST_ACTIVE).all(atMs, behind, count),
    );
  }

  async listExpiring(page: { dueByMs: number; limit: number; after?: DuePosition }): Promise<JobRecord[]> {
    const { dueAtMs: afterMs = -1, jobId = '' } = page.after ?? {};
    return this.#page([afterMs, jobId], page.limit, (atMs, behind, count) =>
      this.#database.sql(LIST_EXPIRING).all(page.dueByMs, atMs, behind, count),
    );
  }

  async list(ask: ListAsk): Promise<JobPage> {
    return fillPage(ask, async (before, count) => {
      const rows = await this.#database.read(() => this.#older(ask, before, count));
      return rows.map((row) => {
        const at = { createdAtMs: Number(row['created_at_ms']), jobId: jobIdSchema.parse(row['job_id']) };
        return { at, stored: this.#readable(row, storedJobOf) };
      });
    });
  }

  async room(pool: string): Promise<Room> {
    const held = await this.#database.read(() => this.#held(pool));
    const slots = this.#slots(pool);
    return { slots, free: Math.max(0, slots - held) };
  }

  async countQueued(clientId: string, atMost: number): Promise<number> {
    const row = await this.#database.read(() => this.#database.sql(COUNT_QUEUED).get(clientId, atMost));
    return Number(row?.['queued']);
  }

  async hasClaim(keyDigest: string, nowMs: number): Promise<boolean> {
    const row = await this.#database.read(() => this.#database.sql(FIND_CLAIM).get(keyDigest));
    return row !== undefined && Number(row['expires_at_ms']) > nowMs;
  }

  async census(atMost: number): Promise<Census> {
    const rows = await this.#database.read(() => this.#database.sql(COUNT_ACTIVE).all(atMost));
    const byPhase = new Map(rows.map((row) => [row['phase'], row]));
    const jobs = (phase: Phase): number => Number(byPhase.get(phase)?.['jobs'] ?? 0);
    const oldest = byPhase.get('queued')?.['oldest_at_ms'];
    return {
      queued: jobs('queued'),
      launching: jobs('launching'),
      running: jobs('running'),
      oldestQueuedAtMs: oldest === undefined ? null : Number(oldest),
    };
  }

  /** Reads rows behind a time and a job id. A page is short only at the end: what cannot be read must not look like it. */
  async #page(
    [atMs, jobId]: [number, string],
    limit: number,
    rowsBehind: (atMs: number, jobId: string, count: number) => Row[],
  ): Promise<JobRecord[]> {
    const jobs: JobRecord[] = [];
    for (;;) {
      const wanted = limit - jobs.length;
      const rows = await this.#database.read(() => rowsBehind(atMs, jobId, wanted));
      jobs.push(...rows.flatMap((row) => this.#readable(row, recordOf) ?? []));
      const last = rows.at(-1);
      if (last === undefined || rows.length < wanted || jobs.length === limit) return jobs;
      atMs = Number(last['at_ms']);
      jobId = String(last['job_id']);
    }
  }

  /** Who came before with this key or this id. A claim that ended before this job was made counts no more. */
  #earlier(job: JobRecord, claim: IdempotencyClaim | null): Exclude<CreateResult, { kind: 'created' }> | null {
    if (claim !== null) {
      const row = this.#database.sql(FIND_CLAIM).get(claim.keyDigest);
      if (row !== undefined && Number(row['expires_at_ms']) > job.createdAtMs) {
        if (row['fingerprint'] !== claim.fingerprint) return { kind: 'mismatch' };
        return { kind: 'exists', job: this.#mustFind(String(row['job_id'])) };
      }
    }
    const same = this.#find(job.jobId);
    return same === null ? null : { kind: 'exists', job: same.job };
  }

  #find(jobId: string): StoredJob | null {
    const row = this.#database.sql(FIND_JOB).get(jobId);
    return row === undefined ? null : storedJobOf(row);
  }

  #older({ clientId, externalJobId }: ListAsk, before: JobPosition | null, count: number): Row[] {
    const behind = [before?.createdAtMs ?? Number.MAX_SAFE_INTEGER, before?.jobId ?? '', count] as const;
    return externalJobId === undefined
      ? this.#database.sql(LIST_OWN).all(clientId, ...behind)
      : this.#database.sql(LIST_EXTERNAL).all(clientId, externalJobId, ...behind);
  }

  #mustFind(jobId: string): JobRecord {
    const stored = this.#find(jobId);
    if (stored === null) throw new Error('an idempotency claim names a job that is not stored');
    return stored.job;
  }

  /** The holders follow twice, from the change and from the phase: a difference is a bug and nothing is written. */
  #assertSlotMatchesPhase(job: JobRecord): void {
    const holds = this.#database.sql(IS_HOLDER).get(job.jobId) !== undefined;
    if (holds !== holdsSlot(job.phase)) throw new Error('the slots held do not match the phases of the jobs');
  }

  /** Null for a row that cannot be read. */
  #readable<T>(row: Row, parse: (row: Row) => T): T | null {
    try {
      return parse(row);
    } catch (error) {
      if (this.#onUnreadable === undefined) throw error;
      this.#onUnreadable(String(row['job_id']));
      return null;
    }
  }

  #held(pool: string): number {
    return Number(this.#database.sql(COUNT_HOLDERS).get(pool)?.['held']);
  }

  #slots(pool: string): number {
    return Object.hasOwn(this.#pools, pool) ? (this.#pools[pool] ?? 0) : 0;
  }
}

function activeFlag(job: JobRecord): number {
  return isActive(job) ? 1 : 0;
}

function recordText(job: JobRecord): string {
  const text = JSON.stringify(job);
  if (Buffer.byteLength(text) > LIMITS.recordBytesMax) {
    throw new Error('a job record is larger than LIMITS.recordBytesMax: keep large values in the ObjectStore');
  }
  return text;
}

function identityOf({ jobId, clientId, externalJobId }: JobRecord): [string, string, string | null] {
  return [jobId, clientId, externalJobId];
}

function recordOf(row: Row): JobRecord {
  return storedJobRecordSchema.parse(JSON.parse(String(row['record'])));
}

function storedJobOf(row: Row): StoredJob {
  const job = recordOf(row);
  if (row['progress_epoch'] === null || row['progress_epoch'] !== job.attempt?.epoch) return { job, progress: null };
  const progress = progressSchema.parse({
    fraction: row['progress_fraction'],
    step: row['progress_step'],
    atMs: row['progress_at_ms'],
  });
  return { job, progress };
}
