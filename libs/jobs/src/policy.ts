import { LIMITS } from '@bpi/job-contract';

/** The times and budgets that `decide` follows. One value per deployment; relations are checked by `assertPolicy`. */
export type JobPolicy = {
  /** A worker may call `launch` this long after it loaded the record, by its own monotonic clock. */
  launchLeaseMs: number;
  /** …and this long after the claim: runners answer a repeated launch with the same task at least as long. */
  launchWindowMs: number;
  /** A task that was missing for this long without a break is gone: longer than the lease plus the runner's lag. */
  taskGoneAfterMs: number;
  /** A task that did not stop this long after the intent loses what it runs on. */
  stopEscalationMs: number;
  /** Stopped tasks are kept this long, so that a late launch finds them. Longer than the launch window. */
  taskKeptMs: number;
  dispatchFailuresMax: number;
  /** A task that waits for a machine this long after its claim is stopped, and tried again later. */
  placementTimeoutMs: number;
  /** A task that is not seen running this long after its claim never will be: longer than the slowest pull of an image. */
  startTimeoutMs: number;
  /** By pool, the one that is steadier and dearer (On-Demand for Spot); a pool without an entry is kept. */
  steadyPools: Readonly<Record<string, string>>;
  /** After so many interruptions and vain waits for a machine, or with a deadline nearer than this, the steadier pool is used. */
  setbacksUntilSteady: number;
  steadyBeforeDeadlineMs: number;
  retriesMax: { platform: number; interrupted: number; capacity: number };
  backoffBaseMs: number;
  backoffMaxMs: number;
};

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

export const LOCAL_POLICY: JobPolicy = {
  launchLeaseMs: 5 * second,
  launchWindowMs: 10 * minute,
  taskGoneAfterMs: 8 * second,
  stopEscalationMs: 15 * second,
  taskKeptMs: 15 * minute,
  dispatchFailuresMax: 5,
  placementTimeoutMs: 10 * minute,
  startTimeoutMs: 1 * hour,
  steadyPools: {},
  setbacksUntilSteady: 2,
  steadyBeforeDeadlineMs: 0,
  retriesMax: { platform: 3, interrupted: 10, capacity: 15 },
  backoffBaseMs: 1 * second,
  backoffMaxMs: 1 * minute,
};

/** Machines come and go, answers take longer, and a stopped task is remembered for an hour at most. */
export const AWS_POLICY: Omit<JobPolicy, 'steadyPools'> = {
  launchLeaseMs: 1 * minute,
  launchWindowMs: 10 * minute,
  taskGoneAfterMs: 2 * minute,
  stopEscalationMs: 5 * minute,
  taskKeptMs: 15 * minute,
  dispatchFailuresMax: 5,
  placementTimeoutMs: 15 * minute,
  startTimeoutMs: 1 * hour,
  setbacksUntilSteady: 2,
  steadyBeforeDeadlineMs: 2 * hour,
  retriesMax: { platform: 3, interrupted: 10, capacity: 40 },
  backoffBaseMs: 5 * second,
  backoffMaxMs: 10 * minute,
};

/** Throws when two settings contradict each other; called once by each `main`. */
export function assertPolicy(policy: JobPolicy): void {
  if (policy.taskGoneAfterMs <= policy.launchLeaseMs) {
    throw new Error('taskGoneAfterMs must be longer than launchLeaseMs plus the runner’s lag: raise it');
  }
  if (policy.taskKeptMs <= policy.launchWindowMs + policy.launchLeaseMs) {
    throw new Error('taskKeptMs must be longer than launchWindowMs plus launchLeaseMs: raise it');
  }
  if (policy.startTimeoutMs <= policy.placementTimeoutMs) {
    throw new Error('startTimeoutMs must be longer than placementTimeoutMs: raise it');
  }
  const { platform, interrupted, capacity } = policy.retriesMax;
  if (platform + interrupted + capacity >= LIMITS.attemptsMax) {
    throw new Error(`retriesMax must stay below ${LIMITS.attemptsMax} attempts in all: lower a budget`);
  }
}
