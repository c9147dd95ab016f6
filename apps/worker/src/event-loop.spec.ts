import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventLoop } from './event-loop.ts';
import { JobWatch } from './job-watch.ts';
import { bound, makeBench, until, type Bench } from './testing/worker-bench.ts';

const LONG_MS = 60_000;

let bench: Bench;
let watch: JobWatch;
/** Ends the stream that hangs. */
let release = () => {};
beforeEach(async () => {
  bench = await makeBench({ spot: 1 });
  watch = new JobWatch(bench.tools, { followUpMs: LONG_MS, lookAgainMs: LONG_MS }, () => {});
});
afterEach(async () => {
  bench.runner.events = async function* () {};
  release();
  await bench.close();
  await watch.close();
});

async function start(streamMs = LONG_MS): Promise<void> {
  bench.run(eventLoop(bench.tools, watch, streamMs));
  await until(() => bench.runner.streams > 0);
}

describe('the event loop', () => {
  it('looks at a job whose task changed, and notes the progress of its current attempt', async () => {
    await start();
    const { jobId } = await bench.queued(1);
    bench.runner.emit({ kind: 'changed', jobId, epoch: 1 });
    await until(() => bench.runner.launched.includes(jobId));
    bench.runner.emit({ kind: 'progress', jobId, epoch: 1, fraction: 0.5, step: 'predict', atMs: null });
    await until(async () => (await bench.context.store.get(jobId))?.progress?.fraction === 0.5);
    bench.runner.emit({ kind: 'progress', jobId, epoch: 2, fraction: 0.6, step: 'predict', atMs: null });
    await until(() => bench.count('task.event.dropped') === 1);
  });

  it('does not go back to progress that was told earlier and came later', async () => {
    await start();
    const { jobId } = await bench.queued(1);
    bench.runner.emit({ kind: 'changed', jobId, epoch: 1 });
    await until(() => bench.runner.launched.includes(jobId));
    const told = (fraction: number, atMs: number) =>
      bench.runner.emit({ kind: 'progress', jobId, epoch: 1, fraction, step: 'predict', atMs });
    told(0.5, 2_000);
    told(0.4, 1_000);
    await until(() => bench.count('task.event.dropped') === 1);
    expect((await bench.context.store.get(jobId))?.progress?.fraction).toBe(0.5);
  });

  it('goes on after progress that could not be stored', async () => {
    let failures = 1;
    const { store } = bench.context;
    const recordProgress: typeof store.recordProgress = async (...progress) => {
      if (failures-- > 0) throw new Error('simulated: the store does not answer');
      return store.recordProgress(...progress);
    };
    bench.tools.context = { ...bench.context, store: { ...bound(store), recordProgress } };
    await start();
    const { jobId } = await bench.queued(1);
    bench.runner.emit({ kind: 'progress', jobId, epoch: 1, fraction: 0.5, step: 'predict', atMs: null });
    bench.runner.emit({ kind: 'progress', jobId, epoch: 1, fraction: 0.5, step: 'predict', atMs: null });
    await until(() => bench.count('task.event.dropped') === 1);
    expect({ failed: bench.count('loop.failed'), streams: bench.runner.streams }).toEqual({ failed: 1, streams: 1 });
  });

  it('reads a new stream after one broke', async () => {
    await start();
    bench.runner.emit(new Error('simulated: the connection is gone'));
    await until(() => bench.runner.streams === 2);
    expect(bench.count('loop.failed')).toBe(1);
    const { jobId } = await bench.queued(1);
    bench.runner.emit({ kind: 'changed', jobId, epoch: 1 });
    await until(() => bench.runner.launched.includes(jobId));
  });

  it('begins a silent stream anew now and then, so that a silent one is not taken for one that hangs', async () => {
    await start(5);
    await until(() => bench.runner.streams >= 4);
    expect(bench.count('loop.failed')).toBe(0);
  });

  it('hangs, and says so, when a stream neither speaks nor ends', async () => {
    bench.runner.events = async function* () {
      bench.runner.streams += 1;
      await new Promise<void>((resolve) => (release = resolve));
    };
    await start(1);
    bench.clock.advance(11 * 60 * 1_000);
    expect(bench.tools.liveness.isLive()).toBe(false);
    release();
    await until(() => bench.runner.streams === 2);
    expect(bench.tools.liveness.isLive()).toBe(true);
  });
});
