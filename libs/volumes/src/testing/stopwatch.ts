/** What reading one small input may take of a processor. */
export const SMALL_INPUT_MS_MAX = 50;

/** A collection of garbage can fall into anybody's time, not into ten in a row: from here on an input is read again. */
const AGAIN_FROM_MS = 10;
const TRIES_MAX = 10;

/**
 * Finds the slowest of many inputs, in processor time of this process (all threads): other processes of a busy machine
 * don't count. A slow input is read again; the quickest time is its own.
 */
export class Stopwatch {
  slowestMs = 0;
  #lastMs = 0;

  /** Runs and remembers how long it took, also when it throws. */
  async measure<T>(run: () => Promise<T> | T): Promise<T> {
    const started = process.cpuUsage();
    try {
      return await run();
    } finally {
      const { user, system } = process.cpuUsage(started);
      this.#lastMs = (user + system) / 1000;
    }
  }

  /** Judges the last measured run; `again` measures the same input anew. Throws when it stays too slow. */
  async judge(again: () => Promise<unknown>): Promise<void> {
    let quickestMs = this.#lastMs;
    for (let tries = 1; quickestMs > AGAIN_FROM_MS && tries < TRIES_MAX; tries += 1) {
      await again();
      quickestMs = Math.min(quickestMs, this.#lastMs);
    }
    this.slowestMs = Math.max(this.slowestMs, quickestMs);
    if (quickestMs > SMALL_INPUT_MS_MAX) {
      throw new Error(`one small input took ${quickestMs.toFixed(0)} ms, ${SMALL_INPUT_MS_MAX} are allowed`);
    }
  }
}
