import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SWEEP_LIMITS } from '@bpi/jobs';
import { sweepLoop } from './sweep-loop.ts';
import { bound, makeBench, until, type Bench } from './testing/worker-bench.ts';

const day = 24 * 60 * 60 * 1_000;

let bench: Bench;
beforeEach(async () => {
  bench = await makeBench({ spot: 1 });
});
afterEach(async () => {
  await bench.close();
});

const phaseOf = async (jobId: Parameters<Bench['context']['store']['get']>[0]) =>
  (await bench.context.store.get(jobId))?.job.phase;

describe('the sweep loop', () => {
  it('ends a queued job at its deadline, wakes one for whom there is a slot, and tells what it did', async () => {
    const late = await bench.queued(1);
    bench.clock.advance(day);
    await bench.queued(2);
    bench.run(sweepLoop(bench.tools, { intervalMs: 1 }));
    await until(async () => (await phaseOf(late.jobId)) === 'failed');
    await until(async () => (await bench.context.queue.depth()) > 0);
    const failure = { to: 'failed', code: 'deadline_exceeded', fault: 'capacity' };
    expect(bench.logged).toContainEqual({ event: 'job.phase', fields: expect.objectContaining(failure) });
    expect(bench.logged).toContainEqual({
      event: 'sweep.done',
      fields: { jobs: 2, woken: 1, orphans: 0, oldestQueuedMs: day, durationMs: 0 },
    });
  });

  it('sweeps again after a sweep that failed', async () => {
    const { store } = bench.context;
    let failures = 2;
    const listActive: typeof store.listActive = async (page) => {
      if (failures-- > 0) throw new Error('simulated: the store does not answer');
      return store.listActive(page);
    };
    bench.tools.context = { ...bench.context, store: { ...bound(store), listActive } };
    const { jobId } = await bench.queued(1);
    bench.clock.advance(day);
    bench.run(sweepLoop(bench.tools, { intervalMs: 1 }));
    await until(async () => (await phaseOf(jobId)) === 'failed');
    expect(bench.count('loop.failed')).toBe(2);
  });

  it('goes on where the last sweep ended when there are more jobs than one sweep looks at', async () => {
    const { store } = bench.context;
    const job = await bench.queued(1);
    const asked: (number | null)[] = [];
    let pages = 0;
    const listActive: typeof store.listActive = async ({ limit, after }) => {
      pages += 1;
      if ((pages - 1) % SWEEP_LIMITS.pagesMax === 0) asked.push(after?.createdAtMs ?? null);
      const isLast = pages > SWEEP_LIMITS.pagesMax;
      return Array.from({ length: isLast ? 1 : limit }, () => ({ ...job, createdAtMs: pages, notBeforeMs: Infinity }));
    };
    bench.tools.context = { ...bench.context, store: { ...bound(store), listActive } };
    bench.run(sweepLoop(bench.tools, { intervalMs: 1 }));
    await until(() => pages > SWEEP_LIMITS.pagesMax + 1);
    expect(asked.slice(0, 2)).toEqual([null, SWEEP_LIMITS.pagesMax]);
  });

  it('measures what is only known by asking, at its own pace', async () => {
    let gauged = 0;
    let sweeps = 0;
    const { store } = bench.context;
    const listActive: typeof store.listActive = async (page) => {
      sweeps += 1;
      return store.listActive(page);
    };
    bench.tools.context = { ...bench.context, store: { ...bound(store), listActive } };
    const log = async () => {
      gauged += 1;
    };
    bench.run(sweepLoop(bench.tools, { intervalMs: 1, gauge: { everyMs: 60_000, log } }));
    await until(() => sweeps >= 5);
    expect(gauged).toBe(1);
    bench.clock.advance(60_000);
    await until(() => gauged === 2);
  });
});
