import type { Clock } from '@bpi/jobs';

/** Stands still until told. */
export class HandClock implements Clock {
  #elapsedMs = 0;

  nowMs(): number {
    return Date.UTC(2030, 0, 1) + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  advance(ms: number): void {
    this.#elapsedMs += ms;
  }
}
