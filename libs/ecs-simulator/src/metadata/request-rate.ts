/** Requests per second in the long run, and how many may come at once after a pause. */
export type RateLimit = { steadyPerSecond: number; burst: number };

/** The agent's defaults (ECS_TASK_METADATA_RPS_LIMIT). */
export const AGENT_RATE_LIMIT: RateLimit = { steadyPerSecond: 40, burst: 60 };

/** Of more paths than these the one that was first asked for is forgotten, as if nobody had asked. */
const PATHS_MAX = 10_000;

type Bucket = { left: number; filledAtMs: number };

/** One bucket per path, as in the agent: containers do not take requests from each other. */
export class RequestRate {
  readonly #limit: RateLimit;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit, nowMs: () => number) {
    this.#limit = limit;
    this.#nowMs = nowMs;
  }

  /** False if this request is one too many. */
  admits(path: string): boolean {
    const bucket = this.#bucketOf(path);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #bucketOf(path: string): Bucket {
    const { steadyPerSecond, burst } = this.#limit;
    const nowMs = this.#nowMs();
    const bucket = this.#buckets.get(path) ?? this.#add(path, { left: burst, filledAtMs: nowMs });
    bucket.left = Math.min(burst, bucket.left + ((nowMs - bucket.filledAtMs) / 1_000) * steadyPerSecond);
    bucket.filledAtMs = nowMs;
    return bucket;
  }

  #add(path: string, bucket: Bucket): Bucket {
    const [first] = this.#buckets.keys();
    if (this.#buckets.size >= PATHS_MAX && first !== undefined) this.#buckets.delete(first);
    this.#buckets.set(path, bucket);
    return bucket;
  }
}
