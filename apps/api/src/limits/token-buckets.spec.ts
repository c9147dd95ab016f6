import { describe, expect, it } from '@jest/globals';
import { HandClock } from '../testing/hand-clock.ts';
import { operationOf, RateLimits, rateHeaders } from './rate-limits.ts';
import { TokenBuckets } from './token-buckets.ts';

const RUNS = 200;
const seed = Number(process.env['BPI_TEST_SEED'] ?? Date.now() % 2 ** 31);

describe(`a bucket of tokens (BPI_TEST_SEED=${seed})`, () => {
  it('gives the quota at once, then one token for each part of the window', () => {
    const clock = new HandClock();
    const buckets = new TokenBuckets({ quota: 3, windowS: 30 }, 10, clock);
    const left = [1, 2, 3].map(() => buckets.take('a'));
    expect(left.map(({ isAllowed, remaining, fullInS }) => [isAllowed, remaining, fullInS])).toEqual([
      [true, 2, 10],
      [true, 1, 20],
      [true, 0, 30],
    ]);
    expect(buckets.take('a')).toMatchObject({ isAllowed: false, remaining: 0, retryAfterS: 10, fullInS: 30 });
    clock.advance(9_000);
    expect(buckets.take('a')).toMatchObject({ isAllowed: false, retryAfterS: 1 });
    clock.advance(1_000);
    expect(buckets.take('a')).toMatchObject({ isAllowed: true, remaining: 0 });
    clock.advance(3_600_000);
    expect(buckets.take('a')).toMatchObject({ isAllowed: true, remaining: 2 });
  });

  it('loses nothing to who asks too early, again and again', () => {
    const clock = new HandClock();
    const buckets = new TokenBuckets({ quota: 1, windowS: 10 }, 10, clock);
    buckets.take('a');
    for (let waitS = 9; waitS >= 1; waitS -= 1) {
      clock.advance(1_000);
      expect(buckets.take('a')).toMatchObject({ isAllowed: false, retryAfterS: waitS, fullInS: waitS });
    }
    clock.advance(1_000);
    expect(buckets.take('a').isAllowed).toBe(true);
  });

  it('is one for each key', () => {
    const buckets = new TokenBuckets({ quota: 1, windowS: 1 }, 10, new HandClock());
    expect(['a', 'b', 'a'].map((key) => buckets.take(key).isAllowed)).toEqual([true, true, false]);
  });

  it('lets everybody in who waited as long as was said, and no more than the quota and its refill', () => {
    const random = seededRandom(seed);
    for (let run = 0; run < RUNS; run += 1) {
      const clock = new HandClock();
      const policy = { quota: 1 + Math.floor(random() * 50), windowS: 1 + Math.floor(random() * 90) };
      const buckets = new TokenBuckets(policy, 1, clock);
      let allowed = 0;
      for (let step = 0; step < 100; step += 1) {
        clock.advance(Math.floor(random() * 3_000));
        let taken = buckets.take('a');
        if (!taken.isAllowed) {
          clock.advance(taken.retryAfterS * 1_000);
          taken = buckets.take('a');
          expect({ policy, ...taken }).toMatchObject({ isAllowed: true });
        }
        expect(taken.remaining).toBeGreaterThanOrEqual(0);
        expect(taken.remaining).toBeLessThan(policy.quota);
        allowed += 1;
      }
      const refilled = (clock.monotonicMs() / 1_000) * (policy.quota / policy.windowS);
      expect(allowed).toBeLessThanOrEqual(policy.quota + refilled + 0.01);
    }
  });

  it('holds so many buckets at most; the one that was not asked for the longest goes, and comes back full', () => {
    const buckets = new TokenBuckets({ quota: 1, windowS: 100 }, 1_000, new HandClock());
    for (let n = 0; n < 1_000; n += 1) buckets.take(`key ${n}`);
    buckets.take('key 0');
    for (let n = 0; n < 100_000; n += 1) buckets.take(`other ${n % 999}`);
    expect(buckets.size).toBe(1_000);
    expect(buckets.take('key 0').isAllowed).toBe(false);
    expect(buckets.take('key 1').isAllowed).toBe(true);
  });
});

describe('the rates of a key', () => {
  it('are counted for each operation by itself', () => {
    const one = { quota: 1, windowS: 1 };
    const limits = new RateLimits({ submit: one, status: one, results: one, other: one }, 10, new HandClock());
    expect(limits.take('submit', 'a').isAllowed).toBe(true);
    expect(limits.take('submit', 'a').isAllowed).toBe(false);
    expect(limits.take('status', 'a').isAllowed).toBe(true);
  });

  it('are told as lists of structured fields with one member', () => {
    const taken = { isAllowed: true, remaining: 99, fullInS: 1, retryAfterS: 1 };
    expect(rateHeaders('status', { quota: 100, windowS: 10 }, taken)).toEqual({
      'RateLimit-Policy': '"status";q=100;w=10',
      RateLimit: '"status";r=99;t=1',
    });
  });

  it('are those of a route by its pattern', () => {
    expect(operationOf('/infer')).toBe('submit');
    expect(operationOf('/jobs/:job_id')).toBe('other');
    expect(operationOf('unknown')).toBe('other');
  });
});

/** Mulberry32, a generator of 32 bits by Tommy Ettinger. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
