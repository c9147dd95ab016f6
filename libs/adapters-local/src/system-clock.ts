import type { Clock } from '@bpi/jobs';

/** The machine's wall clock, and one that never steps for leases and waits. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
