import { describe, expect, it } from '@jest/globals';
import { ManualClock, MemoryJobQueue, MemoryJobStore, MemoryObjectStore, MemoryTaskRunner } from '@bpi/adapters-memory';
import { inputKey, jobPrefix, logsKey, type AuditEvent, type JobRecord } from '@bpi/job-contract';
import { expire, EXPIRY_LIMITS, LOCAL_POLICY, sweep, transition, type ExpireContext } from '@bpi/jobs';
import { aJob, EVENTS, jobIdOf } from './builders.ts';

const HOUR_MS = 60 * 60 * 1_000;
const ENDED_MS: number = EVENTS.failed.atMs;
const KEPT = { inputMs: 1 * HOUR_MS, resultMs: 2 * HOUR_MS, logsMs: 2 * HOUR_MS, recordMs: 3 * HOUR_MS };
const { signal } = new AbortController();

/** Side effects of a pass in order. */
type Effect = 'delete' | 'deletePrefix' | 'audit' | 'save';

type Cut = { at: number; how: 'before' | 'after' };

/**
 * Jobs that are over with an input and a log each, and workers that die, or are told of a failure, at their n-th side
 * effect: before it, or right after it happened.
 */
async function aBench(jobs = 1) {
  const clock = new ManualClock(ENDED_MS);
  const store = new MemoryJobStore({ pools: {} });
  const objects = new MemoryObjectStore(clock);
  const trail: AuditEvent[] = [];
  const effects: Effect[] = [];
  for (let n = 1; n <= jobs; n += 1) {
    let job: JobRecord = aJob({ jobId: jobIdOf(n), retention: KEPT });
    await store.create(job, null);
    for (const event of [EVENTS.failed, { type: 'projected', atVersion: 2 }] as const) {
      const change = transition(job, event);
      await store.save(change);
      job = change.after;
    }
    for (const key of [inputKey(job.jobId), logsKey(job.jobId, 1)]) {
      await objects.put(key, Buffer.from('x'), { ifAbsent: true });
    }
  }
  const worker = (cut: Cut | null = null): ExpireContext => {
    let count = 0;
    const effect = async <T>(name: Effect, work: () => Promise<T>): Promise<T> => {
      count += 1;
      if (cut?.at === count && cut.how === 'before') throw new Error('simulated: cut off');
      const result = await work();
      effects.push(name);
      if (cut?.at === count) throw new Error('simulated: cut off');
      return result;
    };
    return {
      store: delegating(store, { save: (change) => effect('save', () => store.save(change)) }),
      objects: delegating(objects, {
        delete: (keys) => effect('delete', () => objects.delete(keys)),
        deletePrefix: (prefix) => effect('deletePrefix', () => objects.deletePrefix(prefix)),
      }),
      clients: { audit: (event) => effect('audit', async () => void trail.push(event)) },
      runner: new MemoryTaskRunner(),
      queue: new MemoryJobQueue(clock),
      clock,
      policy: LOCAL_POLICY,
      log: () => {},
      retention: KEPT,
    };
  };
  const keys = async (n = 1) => {
    const found: string[] = [];
    for await (const { key } of objects.list(jobPrefix(jobIdOf(n)))) found.push(key);
    return found;
  };
  const stored = async (n = 1) => (await store.get(jobIdOf(n)))?.job;
  return { clock, store, trail, effects, worker, keys, stored };
}

/** The same object with some methods replaced; private fields stay with the original. */
function delegating<T extends object>(target: T, replaced: Partial<T>): T {
  return new Proxy(target, {
    get(object, name) {
      const own: unknown = Reflect.get(replaced, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(object, name);
      return typeof value === 'function' ? value.bind(object) : value;
    },
  });
}

const pass = (context: ExpireContext) => expire(context, { after: null, signal });
const times = (trail: readonly AuditEvent[], action: string) => trail.filter((event) => event.action === action).length;

const CUTS = (effects: number): [number, Cut['how']][] =>
  Array.from({ length: effects }, (_, n) => [n + 1, 'before'] as [number, Cut['how']]).flatMap(([at]) => [
    [at, 'before'],
    [at, 'after'],
  ]);

describe('a worker that is cut off while it removes files', () => {
  const EFFECTS: Effect[] = ['delete', 'audit', 'save'];

  it('has these side effects, in this order', async () => {
    const { clock, effects, worker } = await aBench();
    clock.advance(KEPT.inputMs);
    await pass(worker());
    expect(effects).toEqual(EFFECTS);
  });

  it.each(CUTS(EFFECTS.length))('at side effect %i, %s it, comes to the same end later', async (at, how) => {
    const { clock, trail, worker, keys, stored } = await aBench();
    clock.advance(KEPT.inputMs);
    expect(await pass(worker({ at, how }))).toMatchObject({ failed: 1 });
    const isNoted = (await stored())?.expired.length === 1;
    if (isNoted) expect([await keys(), times(trail, 'expire.input')]).toEqual([[logsKey(jobIdOf(1), 1)], 1]);
    await pass(worker());
    expect([await keys(), (await stored())?.expired]).toEqual([[logsKey(jobIdOf(1), 1)], ['input']]);
    expect(times(trail, 'expire.input')).toBeGreaterThanOrEqual(1);
  });
});

describe('a worker that is cut off while a record expires', () => {
  const EFFECTS: Effect[] = ['audit', 'save', 'deletePrefix', 'save'];

  it('has these side effects, in this order', async () => {
    const { clock, effects, worker } = await aBench();
    clock.advance(KEPT.recordMs);
    await pass(worker());
    expect(effects).toEqual(EFFECTS);
  });

  it.each(CUTS(EFFECTS.length))('at side effect %i, %s it, comes to the same end later', async (at, how) => {
    const { clock, trail, worker, keys, stored } = await aBench();
    clock.advance(KEPT.recordMs);
    expect(await pass(worker({ at, how }))).toMatchObject({ failed: 1 });
    if ((await keys()).length === 0) expect((await stored())?.deletion).not.toBeNull();
    // Whichever loop comes first: one finds what is due, the other what is to be erased.
    await sweep(worker(), { after: null, signal });
    await pass(worker());
    expect([await keys(), (await stored())?.deletion?.doneAtMs]).toEqual([[], clock.nowMs()]);
    expect(times(trail, 'expire.record')).toBeGreaterThanOrEqual(1);
  });
});

describe('several workers at once', () => {
  it('remove each class, note it once, and take nothing that is not due', async () => {
    const { clock, worker, keys, stored } = await aBench(5);
    clock.advance(KEPT.inputMs);
    const passes = await Promise.all([worker(), worker(), worker()].map(pass));
    expect(passes.reduce((sum, { jobs }) => sum + jobs, 0)).toBe(5);
    expect(passes.every(({ failed }) => failed === 0)).toBe(true);
    for (let n = 1; n <= 5; n += 1) {
      expect([await keys(n), (await stored(n))?.expired]).toEqual([[logsKey(jobIdOf(n), 1)], ['input']]);
    }
    clock.advance(KEPT.recordMs);
    await Promise.all([worker(), worker(), worker()].map(pass));
    for (let n = 1; n <= 5; n += 1) {
      expect([await keys(n), (await stored(n))?.deletion?.doneAtMs]).toEqual([[], clock.nowMs()]);
    }
  });
});

describe('one pass', () => {
  it('goes on with the others when it fails for one', async () => {
    const { clock, worker, stored } = await aBench(3);
    clock.advance(KEPT.inputMs);
    expect(await pass(worker({ at: 1, how: 'before' }))).toMatchObject({ jobs: 2, failed: 1, next: null });
    expect([(await stored(1))?.expired, (await stored(3))?.expired]).toEqual([[], ['input']]);
  });

  it('takes a bounded number of jobs per round, and goes on behind them', async () => {
    const { pageJobs, pagesMax } = EXPIRY_LIMITS;
    const jobs = pageJobs * pagesMax + 7;
    const { clock, worker } = await aBench(jobs);
    clock.advance(KEPT.inputMs);
    const first = await pass(worker());
    expect(first).toMatchObject({ jobs: pageJobs * pagesMax, next: { jobId: jobIdOf(pageJobs * pagesMax) } });
    expect(await expire(worker(), { after: first.next, signal })).toMatchObject({ jobs: 7, next: null });
  });

  it('does nothing once it is told to stop', async () => {
    const { clock, worker, effects } = await aBench(2);
    clock.advance(KEPT.inputMs);
    expect(await expire(worker(), { after: null, signal: AbortSignal.abort() })).toMatchObject({ jobs: 0 });
    expect(effects).toEqual([]);
  });
});
