import type { JobId, JobRecord, Progress, Status } from '@bpi/job-contract';
import type { Change } from '../transition.ts';

/** A job as stored: its record and, outside the record's version, the newest progress of its current attempt. */
export type StoredJob = { job: JobRecord; progress: Progress | null };

/** A client's Idempotency-Key, as a digest, and what the payload it came with amounts to. */
export type IdempotencyClaim = {
  /** SHA-256 over client id and key, hexadecimal. */
  keyDigest: string;
  /** SHA-256 over everything that makes two requests the same. */
  fingerprint: string;
  expiresAtMs: number;
};

export type CreateResult =
  | { kind: 'created' }
  /** The same key with the same payload, or the same job id, was stored before: this is that job. */
  | { kind: 'exists'; job: JobRecord }
  /** The key was used with another payload. */
  | { kind: 'mismatch' };

export type SaveResult = 'saved' | 'stale' | 'full';

export type Room = { slots: number; free: number };

/** Jobs that are not over, by phase, and since when the longest waiting of the queued ones exists; null = none is queued. */
export type Census = { queued: number; launching: number; running: number; oldestQueuedAtMs: number | null };

/** Where a job stands in its client's list. */
export type JobPosition = { createdAtMs: number; jobId: JobId };

/** Which jobs of one client: those for which every given condition holds. */
export type ListAsk = {
  clientId: string;
  status?: Status;
  /** The model's name. */
  model?: string;
  externalJobId?: string;
  /** 1 to LIMITS.listPageJobsMax. */
  limit: number;
  /** Older than this one only: a `next` that was answered before. */
  before?: JobPosition;
};

/** `next` null: there are no older ones. Else there may be, also behind a short or an empty page. */
export type JobPage = { jobs: StoredJob[]; next: JobPosition | null };

/** Where a job stands among those of which something is to be removed (`dueAtMs`). */
export type DuePosition = { dueAtMs: number; jobId: JobId };

/**
 * The truth about jobs. Every method is atomic and durable when its promise resolves, and strongly
 * consistent with what was written before it was called, by any process.
 */
export interface JobStore {
  /**
   * Stores a new job (phase `queued`, version 1) and its idempotency claim in one step, or neither. An earlier claim of
   * the same key counts unless it expired by the time the new job was made (`createdAtMs`).
   */
  create(job: JobRecord, claim: IdempotencyClaim | null): Promise<CreateResult>;

  get(jobId: JobId): Promise<StoredJob | null>;

  /**
   * For each of these jobs that is stored, what `markOf` makes of its `get`: cheaper than that, and read together, so that
   * one watcher can ask for many jobs many times. An id that is given twice is asked once; the caller bounds how many.
   */
  marks(jobIds: readonly JobId[]): Promise<ReadonlyMap<JobId, string>>;

  /**
   * Stores `change.after` if the stored version is still `change.before.version`; else `stale`.
   * In the same step takes or frees the slot the change says; `full` if the pool has none left.
   * Refuses (throws) anything that `transition` did not make.
   */
  save(change: Change): Promise<SaveResult>;

  /**
   * Notes progress of one attempt, outside the version. False, and nothing changes, if that attempt is not
   * the current one or no longer holds a slot, or if newer progress is stored.
   */
  recordProgress(jobId: JobId, epoch: number, progress: Progress): Promise<boolean>;

  /** Active jobs (see `isActive`), oldest first, at most `limit`; `after` continues behind the last one seen. */
  listActive(page: { limit: number; after?: { createdAtMs: number; jobId: JobId } }): Promise<JobRecord[]>;

  /**
   * Jobs of which something is to be removed by `dueByMs` (see `dueAtMs`), those due the longest first (ties by id), at
   * most `limit`; `after` continues behind the last one seen. Costs as much as is due, however many jobs are kept.
   */
  listExpiring(page: { dueByMs: number; limit: number; after?: DuePosition }): Promise<JobRecord[]>;

  /**
   * A client's own jobs, newest first (ties by id), those whose deletion was asked left out. Looks at no more than
   * LIMITS.listScanJobsMax jobs, so a page may be short although more follow: `next` goes on where this one ended, and
   * following it to its end names each job once, however many come meanwhile.
   */
  list(ask: ListAsk): Promise<JobPage>;

  /** Slots of a pool and how many are free. An unknown pool has none. */
  room(pool: string): Promise<Room>;

  /**
   * How many jobs of a client are queued, `atMost` if there are more. Its cost follows that number and not the jobs that
   * ended. An index may tell it: a change of the last moments may be missing from the count.
   */
  countQueued(clientId: string, atMost: number): Promise<number>;

  /** Whether a new job with this key would meet an earlier one: a claim that counts at `nowMs`. */
  hasClaim(keyDigest: string, nowMs: number): Promise<boolean>;

  /** Counts what is not over among the `atMost` oldest active jobs. As `listActive`, it may miss what was just made. */
  census(atMost: number): Promise<Census>;
}
