import type { Retention } from '@bpi/job-contract';
import { LOCAL_POLICY, type JobPolicy } from '@bpi/jobs';
import type { WorkerSettings } from '@bpi/worker/worker';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

export const POOLS = { spot: 4, steady: 2 } as const;
export type Pool = keyof typeof POOLS;

/** The one machine's times, with shorter patience, and a pool that a job may move to. */
export const POLICY: JobPolicy = {
  ...LOCAL_POLICY,
  launchWindowMs: 3 * minute,
  taskKeptMs: 5 * minute,
  placementTimeoutMs: 1 * minute,
  startTimeoutMs: 2 * minute,
  steadyPools: { spot: 'steady' },
  steadyBeforeDeadlineMs: 1 * minute,
  retriesMax: { platform: 3, interrupted: 4, capacity: 8 },
};

export const SIZES = {
  workers: 3,
  jobs: 50,
  /** All orders arrive within this. */
  arrivalMs: 5 * minute,
  /** The troubles stop then. */
  calmAtMs: 12 * minute,
  /** After which every accepted job has ended and its client knows. */
  settledWithinMs: 40 * minute,
  /** After which nothing is left of anything: what nobody names any more is removed an hour after it was written. */
  quietWithinMs: 3 * hour,
  /** A worker that was asked to end has ended: longer than any stall. */
  stoppedWithinMs: 25 * minute,
  attemptTimeoutMs: 1 * minute,
  totalDeadlineMs: 4 * hour,
  startDeadlinesMs: [2 * hour, 2 * hour, 2 * hour, 3 * minute],
  /** A new task is known to its runner within, and seen by it within that again: with the lease below `taskGoneAfterMs`. */
  launchEffectMs: 1 * second,
  seenLateMs: 1 * second,
  /** How far a machine's clock is off. */
  skewMs: 50,
} as const;

/**
 * Inputs and logs go within a run, the first of them during the troubles; results and records stay: what a client is shown
 * at its end is compared.
 */
export const RETENTION: Retention = {
  inputMs: 30 * second,
  logsMs: 20 * minute,
  resultMs: 24 * hour,
  recordMs: 24 * hour,
};

export const WORKER_SETTINGS: WorkerSettings = {
  dispatch: {
    pools: Object.keys(POOLS),
    receiveMax: 10,
    receiveWaitMs: 60 * second,
    fullWaitMs: 10 * second,
    fullRedeliverMs: 1 * minute,
    redeliverMs: 2 * second,
  },
  watch: { followUpMs: 500, lookAgainMs: 10 * second },
  sweep: { intervalMs: 60 * second },
  clean: { passIntervalMs: 10 * minute, roundIntervalMs: 5 * second, cleanBackend: async () => {} },
  expiry: {
    clients: { audit: async () => {} },
    retention: RETENTION,
    passIntervalMs: 60 * second,
    roundIntervalMs: 1 * second,
  },
};
