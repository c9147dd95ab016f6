import type { JobId } from '@bpi/job-contract';
import type { Clock } from '@bpi/jobs';
import type { JobWatch } from './job-watch.ts';
import type { Places } from './places.ts';

/** What one look at a job found; `mark` is its `markOf`. */
type Seen = { jobId: JobId; mark: string };

export type HoldAsk<T extends Seen> = {
  clientId: string;
  /** As the client asked; 0 = not at all. */
  waitSeconds: number;
  first: T;
  look: () => Promise<T>;
  /** True for what need not be held any longer. */
  isDue: (seen: T) => boolean;
  gone: AbortSignal;
  /** Where the time that passes here is noted. */
  context: { heldMs: number };
};

/** Holds answers until there is something new, without asking the store for each of them. */
export class AnswerHold {
  readonly #watch: JobWatch;
  readonly #places: Places;
  readonly #waitSecondsMax: number;
  readonly #clock: Clock;

  constructor(parts: { watch: JobWatch; places: Places; waitSecondsMax: number; clock: Clock }) {
    this.#watch = parts.watch;
    this.#places = parts.places;
    this.#waitSecondsMax = parts.waitSecondsMax;
    this.#clock = parts.clock;
  }

  /**
   * The first look that is due, or the last one when the wait is over; and the wait that counted, which is 0 where no place
   * was free. Throws what `look` throws.
   */
  async until<T extends Seen>(ask: HoldAsk<T>): Promise<{ seen: T; waitSeconds: number }> {
    const waitSeconds = Math.min(ask.waitSeconds, this.#waitSecondsMax);
    if (waitSeconds === 0 || ask.isDue(ask.first)) return { seen: ask.first, waitSeconds };
    const leave = this.#places.enter(ask.clientId);
    if (leave === null) return { seen: ask.first, waitSeconds: 0 };
    const startedMs = this.#clock.monotonicMs();
    try {
      return { seen: await this.#hold(ask, startedMs + waitSeconds * 1_000), waitSeconds };
    } finally {
      leave();
      ask.context.heldMs += this.#clock.monotonicMs() - startedMs;
    }
  }

  async #hold<T extends Seen>({ first, look, isDue, gone }: HoldAsk<T>, endsAtMs: number): Promise<T> {
    for (let seen = first; ; seen = await look()) {
      const waitMs = endsAtMs - this.#clock.monotonicMs();
      if (isDue(seen) || waitMs <= 0 || this.#watch.isClosed || gone.aborted) return seen;
      await this.#watch.changed({ jobId: seen.jobId, seen: seen.mark, waitMs, gone });
      if (gone.aborted) return seen;
    }
  }
}
