import { jobIdSchema, type JobId, type JobRecord } from '@bpi/job-contract';
import { newJob, transition, type Change, type IdempotencyClaim, type JobEvent, type NewJob } from '@bpi/jobs';

export const START_MS = Date.UTC(2030, 0, 1);

export const EVENTS = {
  claimed: { type: 'claimed', pool: 'cpu', definition: null, atMs: START_MS + 1 },
  started: { type: 'started', task: 'task-1', atMs: START_MS + 2 },
  failed: { type: 'failed', code: 'model_error', atMs: START_MS + 3 },
  deleteRequested: { type: 'deleteRequested', atMs: START_MS + 4 },
  deleted: { type: 'deleted', atMs: START_MS + 5 },
  cancelRequested: { type: 'cancelRequested', atMs: START_MS + 3 },
} as const satisfies Record<string, JobEvent>;

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
    startDeadlineMs: 3_600_000,
    totalDeadlineMs: 7_200_000,
    attemptTimeoutMs: 60_000,
    canShrink: false,
    ...given,
  });
}

export function aClaim(given: Partial<IdempotencyClaim> = {}): IdempotencyClaim {
  return { keyDigest: 'b'.repeat(64), fingerprint: 'c'.repeat(64), expiresAtMs: START_MS + 60_001, ...given };
}

/** The changes that the events make of a job, one after the other. */
export function changesOf(job: JobRecord, events: readonly JobEvent[]): Change[] {
  const changes: Change[] = [];
  for (const event of events) changes.push(transition(changes.at(-1)?.after ?? job, event));
  return changes;
}
