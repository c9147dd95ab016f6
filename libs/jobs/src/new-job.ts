import { isTerminal, type JobId, type JobRecord, type Retention } from '@bpi/job-contract';

export type NewJob = {
  jobId: JobId;
  clientId: string;
  externalJobId: string | null;
  model: { name: string; version: string };
  pool: string;
  inputSha256: string;
  warnings: string[];
  nowMs: number;
  startDeadlineMs: number;
  totalDeadlineMs: number;
  attemptTimeoutMs: number;
  canShrink: boolean;
  /** What the client is promised; left out, the deployment's times hold once the job is over. */
  retention?: Retention;
};

/** The record of a job that was just accepted. Deadlines are durations from now, milliseconds. */
export function newJob(given: NewJob): JobRecord {
  const { nowMs, startDeadlineMs, totalDeadlineMs, retention = null, ...rest } = given;
  return {
    schemaVersion: 1,
    ...rest,
    createdAtMs: nowMs,
    startDeadlineAtMs: nowMs + startDeadlineMs,
    totalDeadlineAtMs: nowMs + totalDeadlineMs,
    phase: 'queued',
    version: 1,
    attempt: null,
    endedAttempts: [],
    retries: { platform: 0, capacity: 0, interrupted: 0, shrunk: 0 },
    notBeforeMs: nowMs,
    cancelRequestedAtMs: null,
    firstRunningAtMs: null,
    endedAtMs: null,
    error: null,
    result: null,
    endedVersion: null,
    projectedVersion: 0,
    leftovers: [],
    deletion: null,
    retention,
    expired: [],
  };
}

/**
 * Still needs the sweep: not over, or its projections are older than its end, or a stopped task is to be removed, or its
 * deletion is not done.
 */
export function isActive(job: JobRecord): boolean {
  return !isTerminal(job.phase) || projectionDue(job) || job.leftovers.length > 0 || job.deletion?.doneAtMs === null;
}

/** Over, and not shown yet. What is to be deleted is never shown again. */
export function projectionDue(job: JobRecord): boolean {
  return job.deletion === null && job.endedVersion !== null && job.projectedVersion < job.endedVersion;
}

/**
 * Over, and its files are to be removed now: at once when it is over, since a patient's data must not wait, and again
 * after its last task was removed, since a task that nobody believed in may have written in between.
 */
export function erasureDue(job: JobRecord): boolean {
  const { deletion } = job;
  if (deletion === null || deletion.doneAtMs !== null || !isTerminal(job.phase)) return false;
  return deletion.erasedAtMs === null || job.leftovers.length === 0;
}
