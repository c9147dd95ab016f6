import type { JobId, JobRecord, Progress } from '@bpi/job-contract';
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

  /** Slots of a pool and how many are free. An unknown pool has none. */
  room(pool: string): Promise<Room>;
}
