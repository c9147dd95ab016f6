import type { FailureCode, FileClass, Manifest, Retention, TaskRef } from '@bpi/job-contract';

/** Everything that can happen to a record. Times are passed in; the domain has no clock of its own. */
export type JobEvent =
  | { type: 'claimed'; pool: string; definition: string | null; atMs: number }
  /** The task is known to the runner (launched, or found by an inspection). */
  | { type: 'taskSeen'; task: TaskRef; waitsForCapacity: boolean }
  | { type: 'taskMissing'; atMs: number }
  | { type: 'dispatchFailed' }
  | { type: 'started'; task: TaskRef; atMs: number }
  | { type: 'intended'; code: FailureCode; atMs: number }
  | { type: 'published'; manifest: Manifest; atMs: number }
  | { type: 'retried'; code: FailureCode; notBeforeMs: number; shrink: 'yes' | 'no'; atMs: number }
  | { type: 'failed'; code: FailureCode; atMs: number }
  | { type: 'cancelRequested'; atMs: number }
  | { type: 'projected'; atVersion: number }
  | { type: 'leftoversRemoved'; epochs: readonly number[] }
  /** The client wants the job gone, which is a cancellation, too, if it is not over; or the time of its record is over. */
  | { type: 'deleteRequested'; atMs: number }
  /** Its files were removed, while a task of it is still to be: whoever nobody believes in may write once more. */
  | { type: 'erased'; atMs: number }
  /** Its files were removed after all of its tasks. */
  | { type: 'deleted'; atMs: number }
  /** A job of an older release that is over gets the deployment's times. */
  | { type: 'retentionPromised'; retention: Retention }
  /** Files whose promised time is over were removed. */
  | { type: 'expired'; files: readonly FileClass[]; atMs: number };
