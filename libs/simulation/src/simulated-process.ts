import type { Clock } from '@bpi/jobs';
import type { VirtualTime } from './virtual-time.ts';

/** 2030-01-01T00:00:00Z. */
export const START_MS = Date.UTC(2030, 0, 1);

/**
 * A program that may be stopped at any await: everything it waits for comes through `deliver`. Killed, it never goes on.
 * Stalled, it goes on late, with whatever it knew before: what a SIGSTOP, a paused machine or a long garbage collection
 * does.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly #time: VirtualTime;
  readonly #skewMs: number;
  readonly #onEnd: (() => void)[] = [];
  #isDead = false;
  #stalledUntilMs = 0;

  /** @param skewMs how far its wall clock is ahead of the others'. */
  constructor(time: VirtualTime, name: string, skewMs = 0) {
    this.#time = time;
    this.name = name;
    this.#skewMs = skewMs;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isStalled(): boolean {
    return !this.#isDead && this.#stalledUntilMs > this.#time.nowMs;
  }

  readonly clock: Clock = {
    nowMs: () => START_MS + this.#time.nowMs + this.#skewMs,
    monotonicMs: () => this.#time.nowMs,
  };

  readonly timers = {
    after: (delayMs: number, ring: () => void) => this.#time.after(delayMs, () => this.deliver(ring)),
  };

  /** Lets the program see something: now, when it goes on, or never. */
  deliver(action: () => void): void {
    if (this.#isDead) return;
    if (this.isStalled) this.#time.after(this.#stalledUntilMs - this.#time.nowMs, () => this.deliver(action));
    else action();
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.timers.after(ms, resolve));
  }

  stall(ms: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#time.nowMs + ms);
  }

  kill(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    for (const action of this.#onEnd) action();
  }

  onEnd(action: () => void): void {
    this.#onEnd.push(action);
  }
}
