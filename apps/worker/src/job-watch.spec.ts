import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { JobRecord } from '@bpi/job-contract';
import { JobWatch } from './job-watch.ts';
import { bound, jobIdOf, makeBench, until, type Bench } from './testing/worker-bench.ts';

const LONG_MS = 60_000;

let bench: Bench;
let watch: JobWatch;
let looks: number;
beforeEach(async () => {
  bench = await makeBench({ spot: 1 });
  looks = 0;
  watch = watching({ followUpMs: LONG_MS, lookAgainMs: LONG_MS });
});
afterEach(async () => {
  await watch.close();
  await bench.close();
});

function watching(settings: { followUpMs: number; lookAgainMs: number }): JobWatch {
  return new JobWatch(bench.tools, settings, () => {
    looks += 1;
  });
}

/** A job whose task runs and is recorded: each further look inspects it and waits. */
async function running(n: number): Promise<JobRecord['jobId']> {
  const { jobId } = await bench.queued(n);
  await watch.look(jobId);
  expect(await watch.look(jobId)).toEqual({ kind: 'moved' });
  expect(await watch.look(jobId)).toMatchObject({ kind: 'waiting' });
  bench.runner.inspections = 0;
  return jobId;
}

describe('a watch', () => {
  it('makes one step of a job at a time', async () => {
    const jobId = await running(1);
    let atOnce = 0;
    let most = 0;
    bench.runner.beforeInspect = async () => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce -= 1;
    };
    await Promise.all([watch.look(jobId), watch.look(jobId), watch.look(jobId)]);
    expect({ most, inspections: bench.runner.inspections }).toEqual({ most: 1, inspections: 3 });
  });

  it('keeps a wake-up that came while a step was under way: the plan for later does not undo it', async () => {
    const jobId = await running(1);
    bench.runner.beforeInspect = async () => {
      bench.runner.beforeInspect = async () => {};
      watch.lookLater(jobId, 30);
    };
    await watch.look(jobId); // and plans the next look in LONG_MS
    await until(() => bench.runner.inspections === 2);
  });

  it('brings a planned look forward', async () => {
    const jobId = await running(1);
    watch.lookLater(jobId, 0);
    await until(() => bench.runner.inspections === 1);
  });

  it('looks again and again at a job in flight, until it is over', async () => {
    watch = watching({ followUpMs: 1, lookAgainMs: 1 });
    const { jobId } = await bench.queued(1);
    await watch.look(jobId);
    await until(() => bench.runner.inspections >= 5);
    bench.runner.end(jobId);
    await until(async () => (await bench.context.store.get(jobId))?.job.phase === 'failed');
  });

  it('tells of every look, also of one that fails, and tries that again', async () => {
    let failures = 1;
    const get: Bench['context']['store']['get'] = async (jobId) => {
      if (failures-- > 0) throw new Error('simulated: the store does not answer');
      return bench.context.store.get(jobId);
    };
    const context = { ...bench.context, store: { ...bound(bench.context.store), get } };
    watch = new JobWatch({ ...bench.tools, context }, { followUpMs: LONG_MS, lookAgainMs: 1 }, () => {
      looks += 1;
    });
    const { jobId } = await bench.queued(1);
    watch.lookLater(jobId, 0);
    await until(() => bench.runner.launched.includes(jobId));
    expect(bench.count('advance.failed')).toBe(1);
    expect(looks).toBeGreaterThanOrEqual(1);
  });

  it('says stale and looks no more once it is closed, and waits for the step under way', async () => {
    const jobId = await running(1);
    let release = () => {};
    bench.runner.beforeInspect = () => new Promise<void>((resolve) => (release = resolve));
    const step = watch.look(jobId);
    await until(() => bench.runner.inspections === 1);
    const queuedLook = watch.look(jobId);
    let closed = false;
    const closing = watch.close().then(() => (closed = true));
    watch.lookLater(jobId, 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    release();
    await closing;
    expect(await step).toMatchObject({ kind: 'waiting' });
    expect(await queuedLook).toEqual({ kind: 'stale' });
    expect(await watch.look(jobIdOf(1))).toEqual({ kind: 'stale' });
    expect(bench.runner.inspections).toBe(1);
  });
});
