import type { Log } from '@bpi/job-contract';
import type { Clock } from '@bpi/jobs';

export type LoopName = 'dispatch' | 'waiting' | 'events' | 'sweep' | 'clean' | 'expiry';

/** Longer than any call with all its repeats, a long poll, or one step of a job: a loop this long at one thing hangs. */
export const WORK_MS_MAX = 10 * 60 * 1_000;

/** Tells a worker that is slow or has nothing to do from one whose loop waits for an answer that never comes. */
export class Liveness {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #log: Log;
  readonly #busySinceMs = new Map<LoopName, number>();

  constructor(clock: Pick<Clock, 'monotonicMs'>, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** The loop begins a round, or comes to the next piece of a long one. */
  busy(loop: LoopName): void {
    this.#busySinceMs.set(loop, this.#clock.monotonicMs());
  }

  /** The loop finished its round, and may pause for as long as it likes. */
  idle(loop: LoopName): void {
    this.#busySinceMs.delete(loop);
  }

  /** False, and a line in the log, once a loop hangs: only a new process helps then. */
  isLive(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const hanging = [...this.#busySinceMs].filter(([, sinceMs]) => nowMs - sinceMs > WORK_MS_MAX);
    for (const [loop] of hanging) this.#log('loop.failed', { loop, errorName: 'hanging' });
    return hanging.length === 0;
  }
}
