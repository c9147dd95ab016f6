import type { Clock } from '@bpi/jobs';

/** Both clocks of a test: they stand still until told. Milliseconds. */
export class ManualClock implements Clock {
  #elapsedMs = 0;
  readonly #startMs: number;

  constructor(startMs = Date.UTC(2030, 0, 1)) {
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  advance(ms: number): void {
    if (ms < 0) throw new Error('time only moves forward: pass zero or more milliseconds');
    this.#elapsedMs += ms;
  }
}
