import type { Clock } from '@bpi/jobs';
import { TokenBuckets, type RatePolicy, type Taken } from './token-buckets.ts';

/** What a key may do so and so often, each counted by itself. Names are public: they are in the headers. */
export const RATE_OPERATIONS = ['submit', 'status', 'results', 'other'] as const;
export type RateOperation = (typeof RATE_OPERATIONS)[number];
export type RatePolicies = Readonly<Record<RateOperation, RatePolicy>>;

/** By the pattern of the route; one that is not here is `other`. */
const OPERATION_OF_ROUTE: ReadonlyMap<string, RateOperation> = new Map([
  ['/infer', 'submit'],
  ['/status/:job_id', 'status'],
  ['/jobs', 'status'],
  ['/jobs/:job_id/events', 'status'],
  ['/result/:job_id', 'results'],
  ['/result/:job_id/:artifact', 'results'],
  ['/jobs/:job_id/logs', 'results'],
]);

export function operationOf(route: string): RateOperation {
  return OPERATION_OF_ROUTE.get(route) ?? 'other';
}

export type RateVerdict = Taken & { headers: Readonly<Record<'RateLimit' | 'RateLimit-Policy', string>> };

/** The rates of every key in this process; another API process counts by itself. */
export class RateLimits {
  readonly #policies: RatePolicies;
  readonly #buckets: Readonly<Record<RateOperation, TokenBuckets>>;

  /** @param bucketsMax keys that are remembered, for each operation. */
  constructor(policies: RatePolicies, bucketsMax: number, clock: Pick<Clock, 'monotonicMs'>) {
    const bucketsOf = (operation: RateOperation) => new TokenBuckets(policies[operation], bucketsMax, clock);
    this.#policies = policies;
    this.#buckets = {
      submit: bucketsOf('submit'),
      status: bucketsOf('status'),
      results: bucketsOf('results'),
      other: bucketsOf('other'),
    };
  }

  take(operation: RateOperation, key: string): RateVerdict {
    const taken = this.#buckets[operation].take(key);
    return { ...taken, headers: rateHeaders(operation, this.#policies[operation], taken) };
  }
}

/** Source: draft-ietf-httpapi-ratelimit-headers-10; lists of structured fields (RFC 9651) with one member. */
export function rateHeaders(name: RateOperation, policy: RatePolicy, taken: Taken): RateVerdict['headers'] {
  return {
    'RateLimit-Policy': `"${name}";q=${policy.quota};w=${policy.windowS}`,
    RateLimit: `"${name}";r=${taken.remaining};t=${taken.fullInS}`,
  };
}
