import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DEFAULT_RETENTION } from '@bpi/job-contract';
import { bound, makeBench, until, type Bench } from './testing/worker-bench.ts';
import { runWorker, type WorkerSettings } from './worker.ts';

const LONG_MS = 60_000;
const day = 24 * 60 * 60 * 1_000;
const SETTINGS: WorkerSettings = {
  dispatch: {
    pools: ['spot'],
    receiveMax: 10,
    receiveWaitMs: LONG_MS,
    fullWaitMs: LONG_MS,
    fullRedeliverMs: LONG_MS,
    redeliverMs: 1,
  },
  watch: { followUpMs: 1, lookAgainMs: LONG_MS },
  sweep: { intervalMs: 1 },
  clean: { passIntervalMs: LONG_MS, roundIntervalMs: 1, cleanBackend: async () => {} },
  expiry: {
    clients: { audit: async () => {} },
    retention: DEFAULT_RETENTION,
    passIntervalMs: LONG_MS,
    roundIntervalMs: 1,
  },
};

let bench: Bench;
/** Ends the clean-up that hangs. */
let answer = () => {};
beforeEach(async () => {
  bench = await makeBench({ spot: 1 });
});
afterEach(async () => {
  answer();
  await bench.close();
});

describe('the worker', () => {
  it('brings jobs on while the clean-up waits for an answer, and is not live for ever then', async () => {
    let cleaning = false;
    const cleanBackend = () => {
      cleaning = true;
      return new Promise<void>((resolve) => (answer = resolve));
    };
    bench.run(runWorker(bench.tools, { ...SETTINGS, clean: { ...SETTINGS.clean, cleanBackend } }));
    await until(() => cleaning);
    const first = await bench.queued(1); // no wake-up: the sweep sends one
    await until(() => bench.runner.launched.includes(first.jobId));
    const waiting = await bench.queued(2);
    expect(bench.tools.liveness.isLive()).toBe(true);
    bench.clock.advance(day);
    await until(async () => (await bench.context.store.get(waiting.jobId))?.job.phase === 'failed');
    expect(bench.tools.liveness.isLive()).toBe(false);
    expect(bench.logged).toContainEqual({ event: 'loop.failed', fields: { loop: 'clean', errorName: 'hanging' } });
  });

  it('ends when told to, while every loop pauses or waits', async () => {
    let sweeps = 0;
    const { store } = bench.context;
    const listActive: typeof store.listActive = async (page) => {
      sweeps += 1;
      return store.listActive(page);
    };
    bench.tools.context = { ...bench.context, store: { ...bound(store), listActive } };
    let ended = false;
    const settings = { ...SETTINGS, sweep: { intervalMs: LONG_MS } };
    bench.run(runWorker(bench.tools, settings).then(() => void (ended = true)));
    await until(() => sweeps === 1);
    await bench.close();
    expect(ended).toBe(true);
    bench = await makeBench({});
  });
});
