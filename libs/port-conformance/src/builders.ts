import type { JobId, JobRecord, Manifest } from '@bpi/job-contract';
import { jobIdSchema, reportKey } from '@bpi/job-contract';
import { newJob, transition, type Change, type IdempotencyClaim, type JobEvent, type NewJob } from '@bpi/jobs';

/** A moment that every record of the suites is made relative to. */
export const START_MS = Date.UTC(2030, 0, 1);

/** The n-th job id of a test: equal numbers, equal ids; ids ascend with n. */
export function jobIdOf(n: number): JobId {
  return jobIdSchema.parse(`00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`);
}

/** A new job: of pool `cpu`, made at START_MS, unless said otherwise. */
export function aJob(given: Partial<NewJob> = {}): JobRecord {
  return newJob({
    jobId: jobIdOf(1),
    clientId: 'clinic',
    externalJobId: null,
    model: { name: 'echo-model', version: '1.0.0' },
    pool: 'cpu',
    inputSha256: 'a'.repeat(64),
    warnings: [],
    nowMs: START_MS,
    startDeadlineMs: 60 * 60 * 1_000,
    totalDeadlineMs: 120 * 60 * 1_000,
    attemptTimeoutMs: 60 * 1_000,
    canShrink: false,
    ...given,
  });
}

export function aClaim(given: Partial<IdempotencyClaim> = {}): IdempotencyClaim {
  return { keyDigest: 'b'.repeat(64), fingerprint: 'c'.repeat(64), expiresAtMs: START_MS + 60_000, ...given };
}

export function aManifest(jobId: JobId, epoch = 1): Manifest {
  const key = reportKey(jobId, epoch);
  return [{ name: 'pred_mask.npz', key, bytes: 1, sha256: 'd'.repeat(64), media_type: 'application/octet-stream' }];
}

/** Events of a job's usual way; times do not matter to a store. */
export const EVENTS = {
  claimed: { type: 'claimed', pool: 'cpu', definition: null, atMs: START_MS + 1 },
  seen: { type: 'taskSeen', task: 'task-1', waitsForCapacity: false },
  started: { type: 'started', task: 'task-1', atMs: START_MS + 2 },
  failed: { type: 'failed', code: 'model_error', atMs: START_MS + 3 },
  retried: { type: 'retried', code: 'platform_error', notBeforeMs: START_MS + 3, shrink: 'no', atMs: START_MS + 3 },
  cancelRequested: { type: 'cancelRequested', atMs: START_MS + 3 },
  leftoversRemoved: { type: 'leftoversRemoved', epochs: [1] },
  deleteRequested: { type: 'deleteRequested', atMs: START_MS + 4 },
  erased: { type: 'erased', atMs: START_MS + 5 },
  deleted: { type: 'deleted', atMs: START_MS + 6 },
} as const satisfies Record<string, JobEvent>;

/** The change of the last event, after those before it were applied to the record. */
export function changeAfter(job: JobRecord, events: readonly [JobEvent, ...JobEvent[]]): Change {
  const [first, ...rest] = events;
  return rest.reduce((change, event) => transition(change.after, event), transition(job, first));
}
