/** Two clocks as values: the wall's for what is stored, a monotonic one for leases. Milliseconds. */
export type Clock = { nowMs(): number; monotonicMs(): number };

/** The machine's own. For each `main`: whoever needs the time is given a clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
