import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { JobId } from '@bpi/job-contract';
import type { AdvanceContext } from '@bpi/jobs';
import {
  AWS_FULL_REDELIVER_MS,
  dispatchLoop,
  RECEIVES_WHILE_HEALTHY_MAX,
  type DispatchSettings,
} from './dispatch-loop.ts';
import { JobWatch } from './job-watch.ts';
import { Notifier } from './notifier.ts';
import { bound, jobIdOf, makeBench, until, type Bench } from './testing/worker-bench.ts';

const SETTINGS: DispatchSettings = {
  pools: ['spot', 'steady'],
  receiveMax: 10,
  receiveWaitMs: 20_000,
  fullWaitMs: 60_000,
  fullRedeliverMs: AWS_FULL_REDELIVER_MS,
  redeliverMs: 5_000,
};
const hour = 60 * 60 * 1_000;

let bench: Bench;
let watch: JobWatch;
let received: { jobId: JobId; count: number }[];
beforeEach(async () => {
  bench = await makeBench({ spot: 1, steady: 100 });
  received = [];
});
afterEach(async () => {
  await bench.close();
  await watch.close();
});

function start(change: Partial<AdvanceContext> = {}, settings: Partial<DispatchSettings> = {}): void {
  const { queue } = bench.context;
  const noted: AdvanceContext['queue'] = {
    send: (job, delayMs) => queue.send(job, delayMs),
    depth: () => queue.depth(),
    receive: async (ask) => {
      const deliveries = await queue.receive(ask);
      received.push(...deliveries.map(({ jobId, receivedCount }) => ({ jobId, count: receivedCount })));
      return deliveries;
    },
  };
  const context = { ...bench.context, queue: noted, ...change };
  const roomMade = { dispatch: new Notifier(), waiting: new Notifier() };
  watch = new JobWatch({ ...bench.tools, context }, { followUpMs: 1, lookAgainMs: 60_000 }, () => {
    for (const loop of Object.values(roomMade)) loop.notify();
  });
  bench.run(dispatchLoop({ ...bench.tools, context }, watch, roomMade, { ...SETTINGS, ...settings }));
}

/** A new job with its wake-up, in the pool `spot` unless said otherwise. */
async function submitted(n: number, pool = 'spot'): Promise<JobId> {
  const job = await bench.queued(n, { pool });
  await bench.context.queue.send(job, 0);
  return job.jobId;
}

const launched = (jobId: JobId) => until(() => bench.runner.launched.includes(jobId));
const receivesOf = (jobId: JobId) => received.filter((one) => one.jobId === jobId);

/** Holds the only slot of `spot`. */
async function fillSpot(): Promise<JobId> {
  const jobId = await submitted(1);
  await launched(jobId);
  await until(async () => (await bench.context.queue.depth()) === 0);
  return jobId;
}

/** Everything visible was received: the queue is in order of time, and this job is the last in it. */
async function allReceived(n: number): Promise<void> {
  await launched(await submitted(n, 'steady'));
}

describe('the dispatch loop', () => {
  it('starts a job whose pool has room, and is done with its message', async () => {
    start();
    await fillSpot();
    expect(received).toEqual([{ jobId: jobIdOf(1), count: 1 }]);
  });

  it('receives a job of a full pool once in a quarter of an hour, and those behind it get their turn', async () => {
    start();
    await fillSpot();
    const waiting = await submitted(2);
    const steps = 12;
    for (let n = 0; n < steps; n += 1) {
      await allReceived(10 + n);
      bench.clock.advance(Math.floor(AWS_FULL_REDELIVER_MS / (steps + 1)));
    }
    expect(receivesOf(waiting)).toHaveLength(1);
    bench.clock.advance(AWS_FULL_REDELIVER_MS);
    await allReceived(22);
    expect(receivesOf(waiting)).toHaveLength(2);
    expect(bench.runner.launched).not.toContain(waiting);
  });

  it('does not let a job whose pool has room wait for many behind which it stands', async () => {
    await bench.close();
    bench = await makeBench({ spot: 1, steady: 1 });
    const ahead = 100;
    for (let n = 1; n <= ahead; n += 1) await submitted(n);
    const last = await submitted(ahead + 1, 'steady');
    start();
    await launched(last); // within 10 s, which a pause after each full round would exceed
    expect(received.length).toBe(ahead + 1);
  });

  it('starts the job that waits longest as soon as a slot of its pool is free, and removes its message', async () => {
    start();
    const first = await fillSpot();
    const second = await submitted(2);
    await until(() => receivesOf(second).length === 1);
    const third = await submitted(3);
    await until(() => receivesOf(third).length === 1);
    bench.runner.end(first);
    watch.lookLater(first, 0);
    await launched(second);
    await until(async () => (await bench.context.queue.depth()) === 1);
    expect(bench.runner.launched).toEqual([first, second]);
    expect(received).toHaveLength(3);
  });

  it('receives a message within the bound while its job waits until its start deadline', async () => {
    start();
    await fillSpot();
    const waiting = await submitted(2);
    const rests = Math.ceil((24 * hour) / AWS_FULL_REDELIVER_MS);
    for (let passed = 0; passed <= rests; passed += 1) {
      await allReceived(10 + passed);
      bench.clock.advance(AWS_FULL_REDELIVER_MS);
    }
    await until(async () => (await bench.context.store.get(waiting))?.job.phase === 'failed');
    const counts = receivesOf(waiting).map(({ count }) => count);
    expect(Math.max(...counts)).toBeGreaterThanOrEqual(rests - 4);
    expect(2 * Math.max(...counts)).toBeLessThanOrEqual(RECEIVES_WHILE_HEALTHY_MAX);
  });

  it('receives nothing while every pool is full, and goes on when a slot becomes free', async () => {
    await bench.close();
    bench = await makeBench({ spot: 1, steady: 0 });
    start();
    const first = await fillSpot();
    const second = await submitted(2);
    bench.runner.end(first);
    watch.lookLater(first, 0);
    await launched(second);
    expect(received).toEqual([
      { jobId: first, count: 1 },
      { jobId: second, count: 1 },
    ]);
  });

  it('gives back a message whose job cannot be read, and goes on with the others', async () => {
    const { store } = bench.context;
    let failures = 1;
    const get = async (jobId: JobId) => {
      if (jobId === jobIdOf(1) && failures-- > 0) throw new Error('simulated: the store does not answer');
      return store.get(jobId);
    };
    start({ store: { ...bound(store), get } });
    const first = await submitted(1);
    await allReceived(10);
    expect(bench.count('advance.failed')).toBe(1);
    expect(bench.runner.launched).not.toContain(first);
    bench.clock.advance(SETTINGS.redeliverMs);
    await launched(first);
    expect(receivesOf(first).map(({ count }) => count)).toEqual([1, 2]);
  });

  it('goes on after it could not ask for room', async () => {
    const { store } = bench.context;
    let failures = 1;
    const room = async (pool: string) => {
      if (failures-- > 0) throw new Error('simulated: the store does not answer');
      return store.room(pool);
    };
    start({ store: { ...bound(store), room } }, { redeliverMs: 1 });
    await fillSpot();
    expect(bench.logged).toContainEqual({
      event: 'loop.failed',
      fields: expect.objectContaining({ loop: 'dispatch', errorName: 'error' }),
    });
  });
});
