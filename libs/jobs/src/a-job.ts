import type { Attempt, JobId, JobRecord } from '@bpi/job-contract';
import { newJob } from './new-job.ts';
import type { JobPolicy } from './policy.ts';

/** Builders for this package's tests. Times are round numbers: created at 1,000, claimed at 10,000. */
export const JOB_ID = '0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203' as JobId; // a literal of the form

export const POLICY: JobPolicy = {
  launchLeaseMs: 100,
  launchWindowMs: 5_000,
  taskGoneAfterMs: 500,
  stopEscalationMs: 1_000,
  taskKeptMs: 10_000,
  dispatchFailuresMax: 3,
  placementTimeoutMs: 2_000,
  startTimeoutMs: 30_000,
  steadyPools: { spot: 'steady' },
  setbacksUntilSteady: 2,
  steadyBeforeDeadlineMs: 5_000,
  retriesMax: { platform: 2, interrupted: 2, capacity: 20 },
  backoffBaseMs: 200,
  backoffMaxMs: 1_000,
};

export function aJob(change: Partial<JobRecord> = {}): JobRecord {
  const fresh = newJob({
    jobId: JOB_ID,
    clientId: 'client',
    externalJobId: null,
    model: { name: 'model', version: '1' },
    pool: 'cpu',
    inputSha256: '0'.repeat(64),
    warnings: [],
    nowMs: 1_000,
    startDeadlineMs: 100_000,
    totalDeadlineMs: 1_000_000,
    attemptTimeoutMs: 60_000,
    canShrink: false,
  });
  return { ...fresh, ...change };
}

export function anAttempt(change: Partial<Attempt> = {}): Attempt {
  return {
    epoch: 1,
    claimedAtMs: 10_000,
    pool: 'cpu',
    definition: null,
    shrunk: false,
    task: null,
    waitsForCapacity: false,
    dispatchFailures: 0,
    startedAtMs: null,
    deadlineAtMs: null,
    intent: null,
    missingSinceMs: null,
    ...change,
  };
}

export function aLaunchingJob(attempt: Partial<Attempt> = {}, change: Partial<JobRecord> = {}): JobRecord {
  return aJob({ phase: 'launching', attempt: anAttempt(attempt), ...change });
}

export function aRunningJob(attempt: Partial<Attempt> = {}, change: Partial<JobRecord> = {}): JobRecord {
  const started = { task: 'task', startedAtMs: 11_000, deadlineAtMs: 71_000, ...attempt };
  return aJob({ phase: 'running', attempt: anAttempt(started), firstRunningAtMs: 11_000, ...change });
}
