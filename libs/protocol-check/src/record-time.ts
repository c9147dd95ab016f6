import { isTerminal, type Attempt, type JobRecord } from '@bpi/job-contract';
import type { JobPolicy } from '@bpi/jobs';

/**
 * Times of a record relative to a fixed "now", so that the same situation at another hour is the same state.
 * The domain only compares differences, so shifting all times together changes nothing it does.
 */
export const NOW_MS = 1_000;
/** Later than anything an exploration reaches; a deadline is here until it falls. */
export const NEVER_MS = 1_000_000;
/** Ago for ever: times that no rule reads again. */
const PAST_MS = 0;
const VERSION = 10;

/** The same record as seen by a clock that shows `ms` more. Fixed marks (never, past) stay. */
export function shifted(job: JobRecord, ms: number): JobRecord {
  if (ms === 0) return job;
  const move = (at: number): number => (at >= NEVER_MS || at <= PAST_MS ? at : at + ms);
  const maybe = (at: number | null): number | null => (at === null ? null : move(at));
  const { attempt } = job;
  return {
    ...job,
    notBeforeMs: move(job.notBeforeMs),
    totalDeadlineAtMs: move(job.totalDeadlineAtMs),
    attempt:
      attempt === null
        ? null
        : {
            ...attempt,
            claimedAtMs: move(attempt.claimedAtMs),
            startedAtMs: maybe(attempt.startedAtMs),
            deadlineAtMs: maybe(attempt.deadlineAtMs),
            intent: attempt.intent === null ? null : { code: attempt.intent.code, atMs: move(attempt.intent.atMs) },
            missingSinceMs: maybe(attempt.missingSinceMs),
          },
    leftovers: job.leftovers.map((one) => ({ ...one, endedAtMs: move(one.endedAtMs) })),
  };
}

/**
 * The record with everything forgotten that no rule can tell apart: times older than the longest wait that counts
 * from them, versions (who holds the newest one is kept beside it), the history of ended attempts but its length.
 */
export function normalized(job: JobRecord, policy: JobPolicy): JobRecord {
  const over = isTerminal(job.phase);
  const projected = job.endedVersion !== null && job.projectedVersion >= job.endedVersion;
  return {
    ...job,
    version: VERSION,
    endedVersion: job.endedVersion === null ? null : 1,
    projectedVersion: projected ? 1 : 0,
    notBeforeMs: over ? PAST_MS : Math.max(job.notBeforeMs, NOW_MS),
    totalDeadlineAtMs: over ? NEVER_MS : job.totalDeadlineAtMs,
    firstRunningAtMs: over || job.firstRunningAtMs === null ? null : PAST_MS,
    endedAtMs: job.endedAtMs === null ? null : PAST_MS,
    deletion: job.deletion === null ? null : normalizedDeletion(job.deletion),
    cancelRequestedAtMs: over || job.cancelRequestedAtMs === null ? null : PAST_MS,
    error: null,
    retries: over ? { platform: 0, capacity: 0, interrupted: 0, shrunk: 0 } : job.retries,
    attempt: job.attempt === null ? null : normalizedAttempt(job, job.attempt, policy),
    endedAttempts: over
      ? []
      : job.endedAttempts.map(({ epoch, pool }) => ({
          epoch,
          pool,
          claimedAtMs: PAST_MS,
          startedAtMs: null,
          endedAtMs: PAST_MS,
          code: null,
        })),
    leftovers: job.leftovers.map(({ epoch, task, endedAtMs }) => ({
      epoch,
      task,
      endedAtMs: notOlder(endedAtMs, policy.taskKeptMs),
    })),
  };
}

function normalizedDeletion({ erasedAtMs, doneAtMs }: NonNullable<JobRecord['deletion']>): JobRecord['deletion'] {
  const past = (at: number | null): number | null => (at === null ? null : PAST_MS);
  return { requestedAtMs: PAST_MS, erasedAtMs: past(erasedAtMs), doneAtMs: past(doneAtMs) };
}

function normalizedAttempt(job: JobRecord, attempt: Attempt, policy: JobPolicy): Attempt {
  const { epoch, pool, definition, intent, task } = attempt;
  if (isTerminal(job.phase) || job.phase === 'queued') {
    return {
      epoch,
      pool,
      definition,
      claimedAtMs: PAST_MS,
      shrunk: false,
      task: null,
      waitsForCapacity: false,
      dispatchFailures: 0,
      startedAtMs: null,
      deadlineAtMs: null,
      intent: null,
      missingSinceMs: null,
    };
  }
  const intentAgeMax = Math.max(policy.taskGoneAfterMs, policy.stopEscalationMs);
  return {
    ...attempt,
    // Only a task that was never seen is judged by its claim.
    claimedAtMs: task === null ? notOlder(attempt.claimedAtMs, policy.launchWindowMs) : PAST_MS,
    dispatchFailures: task === null ? attempt.dispatchFailures : 0,
    startedAtMs: attempt.startedAtMs === null ? null : PAST_MS,
    deadlineAtMs: attempt.deadlineAtMs === null ? null : Math.max(attempt.deadlineAtMs, NOW_MS),
    intent: intent === null ? null : { code: intent.code, atMs: notOlder(intent.atMs, intentAgeMax) },
    missingSinceMs: attempt.missingSinceMs === null ? null : notOlder(attempt.missingSinceMs, policy.taskGoneAfterMs),
  };
}

function notOlder(atMs: number, ageMs: number): number {
  return Math.max(atMs, NOW_MS - ageMs);
}
