import {
  FAILURES,
  isTerminal,
  LIMITS,
  type Attempt,
  type AttemptReport,
  type FailureCode,
  type JobRecord,
  type Manifest,
  type TaskRef,
} from '@bpi/job-contract';
import { classify, failureOfStop, type GoneTask, type Outcome } from './classify.ts';
import { erasureDue, projectionDue } from './new-job.ts';
import type { JobPolicy } from './policy.ts';
import type { Observation } from './ports/task-runner.ts';

/** What to do next about a job. One step per call of `advance`. */
export type Step =
  | { step: 'claim'; pool: string }
  | { step: 'launch' }
  /** Nothing to do now. `note` is worth saving: the task turned up, or went missing. */
  | { step: 'wait'; note: Seen | { kind: 'missing' } | null; untilMs: number | null }
  | { step: 'markRunning'; task: TaskRef }
  | { step: 'intend'; code: FailureCode }
  | { step: 'stop'; mode: 'ask' | 'force'; note: Seen | null }
  | { step: 'publish'; manifest: Manifest }
  | { step: 'retry'; code: FailureCode; notBeforeMs: number; shrink: 'yes' | 'no' }
  | { step: 'fail'; code: FailureCode }
  /** Show the result of a job that is over. */
  | { step: 'project' }
  /** Remove the files of a job that is over and was deleted, and note that. */
  | { step: 'erase'; then: 'erased' | 'deleted' };

/** The task as it turned up. */
export type Seen = { kind: 'seen'; task: TaskRef; waitsForCapacity: boolean };

/** What was seen before deciding: the task (null = the job cannot have one) and, if that ended, its report. */
export type Sight = { observation: Observation | null; report: AttemptReport | null };

/**
 * The heart: pure and total. The order of the questions is the order of the rules:
 * is the task gone, so that the attempt may be left? must it be ended? else, how does it go on?
 */
export function decide(job: JobRecord, sight: Sight, nowMs: number, policy: JobPolicy): Step {
  if (isTerminal(job.phase)) return decideEnded(job);
  if (job.phase === 'queued') return decideQueued(job, nowMs, policy);
  const { attempt } = job;
  const { observation } = sight;
  if (attempt === null || observation === null)
    throw new Error('an attempt in flight must be observed before deciding');

  const gone = goneTask(attempt, sight, nowMs, policy);
  if (gone !== null) return leave(job, attempt, settle(job, attempt, gone, sight.report), nowMs, policy);
  if (attempt.intent !== null && observation.state !== 'stopped') {
    return decideEnding(attempt, attempt.intent.atMs, { ...sight, observation }, nowMs, policy);
  }

  const reason = reasonToEnd(job, attempt, sight, nowMs, policy);
  if (reason !== null) return { step: 'intend', code: reason };
  return decideFlying(job, attempt, { ...sight, observation }, nowMs, policy);
}

function decideEnded(job: JobRecord): Step {
  if (erasureDue(job)) return { step: 'erase', then: job.leftovers.length === 0 ? 'deleted' : 'erased' };
  return projectionDue(job) ? { step: 'project' } : waitFor(null);
}

function decideQueued(job: JobRecord, nowMs: number, policy: JobPolicy): Step {
  if (job.cancelRequestedAtMs !== null) return { step: 'fail', code: 'cancelled' };
  if (deadlinePassed(job, nowMs)) return { step: 'fail', code: 'deadline_exceeded' };
  return nowMs < job.notBeforeMs ? waitFor(job.notBeforeMs) : { step: 'claim', pool: poolOfClaim(job, nowMs, policy) };
}

/** The job's own pool, or the steadier one that the policy names for it once interruptions or the deadline press. */
export function poolOfClaim(job: JobRecord, nowMs: number, policy: JobPolicy): string {
  const setbacks = job.retries.interrupted + job.retries.capacity;
  const presses = setbacks >= policy.setbacksUntilSteady || deadlineOf(job) - nowMs < policy.steadyBeforeDeadlineMs;
  return presses ? (policy.steadyPools[job.pool] ?? job.pool) : job.pool;
}

/**
 * Gone = stopped as reported by a live host, or missing without a break for `taskGoneAfterMs`. A task that was
 * never recorded may still be on its way from a slow worker, so the wait starts at the intent, not before.
 */
function goneTask(attempt: Attempt, sight: Sight, nowMs: number, policy: JobPolicy): GoneTask | null {
  const { observation } = sight;
  if (observation?.state === 'stopped') return observation;
  if (observation?.state !== 'missing' || attempt.missingSinceMs === null) return null;
  if (mayBeUnlaunched(attempt, sight) && attempt.intent === null) return null;
  return nowMs >= goneAtMs(attempt, attempt.missingSinceMs, sight, policy) ? observation : null;
}

function goneAtMs(attempt: Attempt, missingSinceMs: number, sight: Sight, policy: JobPolicy): number {
  const intendedAtMs = mayBeUnlaunched(attempt, sight) ? (attempt.intent?.atMs ?? missingSinceMs) : missingSinceMs;
  return Math.max(missingSinceMs, intendedAtMs) + policy.taskGoneAfterMs;
}

/** No trace of a task: not recorded, not seen, and no report, which only a task that ran can have left. */
function mayBeUnlaunched(attempt: Attempt, { observation, report }: Sight): boolean {
  return observation?.state === 'missing' && attempt.task === null && report === null;
}

/** What is seen after an intent is classified by the intent; a success seen before one wins over a deadline. */
function settle(job: JobRecord, attempt: Attempt, gone: GoneTask, report: AttemptReport | null): Outcome {
  if (job.cancelRequestedAtMs !== null) return { result: 'failed', code: 'cancelled' };
  if (attempt.intent !== null) return { result: 'failed', code: attempt.intent.code };
  return classify(gone, report);
}

function leave(job: JobRecord, attempt: Attempt, outcome: Outcome, nowMs: number, policy: JobPolicy): Step {
  if (outcome.result === 'succeeded') return { step: 'publish', manifest: outcome.manifest };
  const { code } = outcome;
  const fail: Step = { step: 'fail', code };
  const attemptsLeft = attempt.epoch < LIMITS.attemptsMax;
  switch (FAILURES[code].then) {
    case 'fail':
      return fail;
    case 'retry-smaller':
      return job.canShrink && job.retries.shrunk === 0 && attemptsLeft ? retry(job, code, 'yes', nowMs, policy) : fail;
    case 'retry':
      if (deadlinePassed(job, nowMs)) return { step: 'fail', code: 'deadline_exceeded' };
      return budgetLeft(job, code, policy) && attemptsLeft ? retry(job, code, 'no', nowMs, policy) : fail;
  }
}

function budgetLeft(job: JobRecord, code: FailureCode, policy: JobPolicy): boolean {
  const { retries } = job;
  if (code === 'capacity_unavailable') return retries.capacity < policy.retriesMax.capacity;
  if (code === 'capacity_interrupted') return retries.interrupted < policy.retriesMax.interrupted;
  return retries.platform < policy.retriesMax.platform;
}

/** Exponential backoff without jitter: decide is pure, and a pool's slots spread the retries already. */
function retry(job: JobRecord, code: FailureCode, shrink: 'yes' | 'no', nowMs: number, policy: JobPolicy): Step {
  const growingMs = policy.backoffBaseMs * 2 ** Math.min(job.endedAttempts.length, 16);
  const backoffMs =
    code === 'capacity_unavailable'
      ? capacityBackoffMs(job, growingMs, nowMs, policy)
      : Math.min(policy.backoffMaxMs, growingMs);
  return { step: 'retry', code, notBeforeMs: nowMs + (shrink === 'yes' ? 0 : backoffMs), shrink };
}

/**
 * Lack of capacity ends a job at its deadline and not at the end of a budget: when growing waits would use up the
 * retries before that, what is left of them is spread over what is left of the time.
 */
function capacityBackoffMs(job: JobRecord, growingMs: number, nowMs: number, policy: JobPolicy): number {
  const retriesLeft = Math.max(1, policy.retriesMax.capacity - job.retries.capacity);
  const leftMs = deadlineOf(job) - nowMs;
  const spreadMs = Math.ceil(leftMs / retriesLeft);
  const reachMs = growingMs * (2 ** Math.min(retriesLeft, 32) - 1);
  return reachMs < leftMs ? spreadMs : Math.min(Math.max(policy.backoffMaxMs, spreadMs), growingMs);
}

/** The attempt is to end and its task is not gone yet: stop it again and again, harder after a while. */
function decideEnding(
  attempt: Attempt,
  intendedAtMs: number,
  sight: Sight & { observation: Exclude<Observation, { state: 'stopped' }> },
  nowMs: number,
  policy: JobPolicy,
): Step {
  const seen = sight.observation;
  if (seen.state === 'missing') return decideMissing(attempt, sight, nowMs, policy);
  const mode = nowMs - intendedAtMs >= policy.stopEscalationMs ? 'force' : 'ask';
  return { step: 'stop', mode, note: news(attempt, seen) };
}

function reasonToEnd(
  job: JobRecord,
  attempt: Attempt,
  sight: Sight,
  nowMs: number,
  policy: JobPolicy,
): FailureCode | null {
  if (job.cancelRequestedAtMs !== null) return 'cancelled';
  // Stored results only wait for their task to be gone: no deadline takes them away.
  if (sight.report?.result === 'stored') return null;
  if (deadlinePassed(job, nowMs)) return 'deadline_exceeded';
  if (attempt.deadlineAtMs !== null && nowMs >= attempt.deadlineAtMs) return 'attempt_timeout';
  if (sight.observation?.state === 'pending') return reasonToGiveUpStart(attempt, sight.observation, nowMs, policy);
  const unlaunched = mayBeUnlaunched(attempt, sight);
  if (unlaunched && nowMs - attempt.claimedAtMs >= policy.launchWindowMs) return 'platform_error';
  if (unlaunched && attempt.dispatchFailures >= policy.dispatchFailuresMax) return 'platform_error';
  return null;
}

/** A start that is doomed, or takes longer than any start does. */
function reasonToGiveUpStart(
  attempt: Attempt,
  pending: Extract<Observation, { state: 'pending' }>,
  nowMs: number,
  policy: JobPolicy,
): FailureCode | null {
  if (pending.doomed !== undefined) return failureOfStop(pending.doomed, null);
  const agoMs = nowMs - attempt.claimedAtMs;
  if (pending.waitingFor === 'capacity' && agoMs >= policy.placementTimeoutMs) return 'capacity_unavailable';
  return agoMs >= policy.startTimeoutMs ? 'platform_error' : null;
}

function decideFlying(
  job: JobRecord,
  attempt: Attempt,
  sight: Sight & { observation: Observation },
  nowMs: number,
  policy: JobPolicy,
): Step {
  const seen = sight.observation;
  switch (seen.state) {
    case 'stopped':
      throw new Error('a stopped task is gone: its attempt was to be left');
    case 'missing':
      return mayBeUnlaunched(attempt, sight) ? { step: 'launch' } : decideMissing(attempt, sight, nowMs, policy);
    case 'pending':
      return { step: 'wait', note: news(attempt, seen), untilMs: null };
    case 'running':
      if (job.phase === 'launching') return { step: 'markRunning', task: seen.ref };
      return { step: 'wait', note: news(attempt, seen), untilMs: attempt.deadlineAtMs ?? nowMs };
  }
}

/** Missing is not gone yet: note since when, and look again when it may be. */
function decideMissing(attempt: Attempt, sight: Sight, nowMs: number, policy: JobPolicy): Step {
  const { missingSinceMs } = attempt;
  return missingSinceMs === null
    ? { step: 'wait', note: { kind: 'missing' }, untilMs: nowMs + policy.taskGoneAfterMs }
    : waitFor(goneAtMs(attempt, missingSinceMs, sight, policy));
}

/** The whole job took too long, or none of its attempts was seen running in time. */
export function deadlinePassed(job: JobRecord, nowMs: number): boolean {
  return nowMs >= deadlineOf(job);
}

function deadlineOf(job: JobRecord): number {
  return job.firstRunningAtMs === null ? Math.min(job.startDeadlineAtMs, job.totalDeadlineAtMs) : job.totalDeadlineAtMs;
}

/** Worth saving only if the record does not say so already. */
function news(attempt: Attempt, seen: Extract<Observation, { state: 'pending' | 'running' }>): Seen | null {
  const task = seen.ref;
  const waitsForCapacity = seen.state === 'pending' && seen.waitingFor === 'capacity';
  const isKnown = attempt.task === task && attempt.missingSinceMs === null;
  return isKnown && attempt.waitsForCapacity === waitsForCapacity ? null : { kind: 'seen', task, waitsForCapacity };
}

function waitFor(untilMs: number | null): Step {
  return { step: 'wait', note: null, untilMs };
}
