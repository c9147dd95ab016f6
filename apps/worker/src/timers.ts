/** Time that passes, as a value: a simulation has a virtual one. */
export type Timers = {
  /** Rings once after the delay, milliseconds, unless the function that it returns was called before. */
  after(delayMs: number, ring: () => void): () => void;
};

/** The machine's own. For each `main`. */
export const systemTimers: Timers = {
  after: (delayMs, ring) => {
    const timer = setTimeout(ring, delayMs);
    return () => clearTimeout(timer);
  },
};
