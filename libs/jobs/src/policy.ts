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
  retriesMax: { platform: number; interrupted: number; capacity: number };
  backoffBaseMs: number;
  backoffMaxMs: number;
};

const second = 1_000;
const minute = 60 * second;

export const LOCAL_POLICY: JobPolicy = {
  launchLeaseMs: 5 * second,
  launchWindowMs: 10 * minute,
  taskGoneAfterMs: 8 * second,
  stopEscalationMs: 15 * second,
  taskKeptMs: 15 * minute,
  dispatchFailuresMax: 5,
  retriesMax: { platform: 3, interrupted: 10, capacity: 15 },
  backoffBaseMs: 1 * second,
  backoffMaxMs: 1 * minute,
};

/** Throws when two settings contradict each other; called once by each `main`. */
export function assertPolicy(policy: JobPolicy): void {
  if (policy.taskGoneAfterMs <= policy.launchLeaseMs) {
    throw new Error('taskGoneAfterMs must be longer than launchLeaseMs plus the runner’s lag: raise it');
  }
  if (policy.taskKeptMs <= policy.launchWindowMs + policy.launchLeaseMs) {
    throw new Error('taskKeptMs must be longer than launchWindowMs plus launchLeaseMs: raise it');
  }
}
