import type { Clock } from '@bpi/jobs';

/** `quota` requests at once, and as many again evenly over `windowS` seconds. */
export type RatePolicy = { quota: number; windowS: number };

export type Taken = {
  isAllowed: boolean;
  /** Requests that may follow at once. */
  remaining: number;
  /** Seconds until the whole quota is there again. */
  fullInS: number;
  /** Seconds until one more is allowed, at least 1. */
  retryAfterS: number;
};

/** Who waits for as long as was said must not fail by what adding fractions loses. */
const ROUNDING = 1e-6;

type Bucket = { tokens: number; atMs: number };

/**
 * One token bucket per key, all by one policy. Holds `bucketsMax` of them: the one that was not asked for the longest
 * goes first, and begins full when it comes back.
 */
export class TokenBuckets {
  readonly #policy: RatePolicy;
  readonly #bucketsMax: number;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** In the order of their last use: a Map keeps that of insertion. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(policy: RatePolicy, bucketsMax: number, clock: Pick<Clock, 'monotonicMs'>) {
    this.#policy = policy;
    this.#bucketsMax = bucketsMax;
    this.#clock = clock;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token if there is one. */
  take(key: string): Taken {
    const tokens = this.#tokensOf(key);
    const isAllowed = tokens >= 1 - ROUNDING;
    const left = isAllowed ? Math.max(0, tokens - 1) : tokens;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: left, atMs: this.#clock.monotonicMs() });
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > this.#bucketsMax && oldest !== undefined) this.#buckets.delete(oldest);
    const { quota } = this.#policy;
    return {
      isAllowed,
      remaining: Math.floor(left),
      fullInS: this.#secondsFor(quota - left),
      retryAfterS: Math.max(1, this.#secondsFor(1 - left)),
    };
  }

  #tokensOf(key: string): number {
    const { quota, windowS } = this.#policy;
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return quota;
    const elapsedS = (this.#clock.monotonicMs() - bucket.atMs) / 1_000;
    return Math.min(quota, bucket.tokens + (elapsedS * quota) / windowS);
  }

  #secondsFor(tokens: number): number {
    const { quota, windowS } = this.#policy;
    return Math.ceil((tokens * windowS) / quota - ROUNDING);
  }
}
