import type { JobPolicy } from '@bpi/jobs';

/** How often each kind of trouble may strike on one path. What is not listed here is unbounded. */
export type Budgets = {
  /** A worker forgets everything between two of its port calls. */
  crashes: number;
  /** Time passes while a worker is between two of its port calls. */
  stalls: number;
  cancels: number;
  /** The client deletes a job, at any time. */
  deletes: number;
  /** A task is reported gone (missing or stopped) while its container runs on, and may be reported again later. */
  zombies: number;
  /** A task that never ends by itself and does not obey an ask. */
  stubborn: number;
  /** A stopped task becomes missing. */
  forgets: number;
  /** A launch throws: the task may run or not. */
  throws: number;
  refusals: number;
  /** A copy of an artifact that was under way when the files were erased lands after that. */
  lateCopies: number;
  /** The total deadline of a job falls. */
  deadlines: number;
};

/** The size of one exploration. One tick = one millisecond of the policy. */
export type Bounds = {
  name: string;
  jobs: 1 | 2;
  slots: number;
  workers: 1 | 2;
  /** Between the moment a worker calls `launch` and the moment the task is visible. */
  lagTicks: number;
  /** A worker that stays longer than this between two port calls is only explored as crashed. */
  stallTicksMax: number;
  attemptTimeoutTicks: number;
  policy: JobPolicy;
  budgets: Budgets;
  /** `off` interleaves every port call: many times the states, to show that the reductions lose none that matter. */
  reductions: 'on' | 'off';
  /** Reaching more states than this is an error: the bound was not explored. */
  statesMax: number;
};

/** Tiny, but in the relations that `assertPolicy` and rule 3 ask for: lease + lag < gone, window + lease < kept. */
export const TINY_POLICY: JobPolicy = {
  launchLeaseMs: 1,
  launchWindowMs: 2,
  taskGoneAfterMs: 3,
  stopEscalationMs: 2,
  taskKeptMs: 4,
  dispatchFailuresMax: 1,
  // Left out: a slow start ends like any other attempt that is given up, and no pool has a steadier one.
  placementTimeoutMs: Number.MAX_SAFE_INTEGER - 1,
  startTimeoutMs: Number.MAX_SAFE_INTEGER,
  steadyPools: {},
  setbacksUntilSteady: 1,
  steadyBeforeDeadlineMs: 0,
  retriesMax: { platform: 1, interrupted: 1, capacity: 0 },
  backoffBaseMs: 1,
  backoffMaxMs: 1,
};

export const NO_TROUBLE: Budgets = {
  crashes: 0,
  stalls: 0,
  cancels: 0,
  deletes: 0,
  lateCopies: 0,
  zombies: 0,
  stubborn: 0,
  forgets: 0,
  throws: 0,
  refusals: 0,
  deadlines: 0,
};

const ONE_JOB: Bounds = {
  name: 'one job',
  jobs: 1,
  slots: 1,
  workers: 2,
  lagTicks: 1,
  stallTicksMax: 6,
  attemptTimeoutTicks: 2,
  policy: TINY_POLICY,
  budgets: NO_TROUBLE,
  reductions: 'on',
  statesMax: 4_000_000,
};

export function oneJob(name: string, trouble: Partial<Budgets>, change: Partial<Bounds> = {}): Bounds {
  return { ...ONE_JOB, ...change, name, budgets: { ...NO_TROUBLE, ...trouble } };
}
