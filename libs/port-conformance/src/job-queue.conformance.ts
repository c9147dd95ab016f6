import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { JobId } from '@bpi/job-contract';
import type { Delivery, JobQueue } from '@bpi/jobs';
import { jobIdOf } from './builders.ts';

export type JobQueueHarness = {
  queue: JobQueue;
  /** After this, a message that was received and left alone is visible again. */
  visibilityTimeoutMs: number;
  /** Lets time pass for the queue: turns a clock, or waits. */
  passMs(ms: number): Promise<void>;
  /** Another process's queue over the same messages. */
  second(): Promise<JobQueue>;
  close(): Promise<void>;
};

const RACE_MESSAGES = 40;
/** Longer than any test: an aborted wait must not last this long. */
const LONG_WAIT_MS = 600_000;

/** The obligations of `JobQueue`, on any backend. */
export function describeJobQueue(name: string, make: () => Promise<JobQueueHarness>): void {
  describe(`JobQueue: ${name}`, () => {
    let harness: JobQueueHarness;
    beforeEach(async () => {
      harness = await make();
    });
    afterEach(async () => {
      await harness.close();
    });

    describe('messages', () => describeMessages(() => harness));
    describe('visibility', () => describeVisibility(() => harness));
    describe('waiting', () => describeWaiting(() => harness));
  });
}

function describeMessages(harness: () => JobQueueHarness): void {
  it('delivers what was sent, to another process too', async () => {
    const { queue, second } = harness();
    await queue.send(wakeUp(1), 0);
    const [delivery] = await now(await second(), 1);
    expect(delivery).toMatchObject({ jobId: jobIdOf(1), receivedCount: 1 });
  });

  it('delivers nothing when nothing was sent', async () => {
    const { queue } = harness();
    expect(await now(queue, 10)).toEqual([]);
    expect(await queue.depth()).toBe(0);
  });

  it('delivers at most as many as were asked for', async () => {
    const { queue } = harness();
    for (const n of [1, 2, 3]) await queue.send(wakeUp(n), 0);
    const first = await now(queue, 2);
    const rest = await now(queue, 10);
    expect(first).toHaveLength(2);
    expect(ids([...first, ...rest])).toEqual([1, 2, 3].map(jobIdOf));
  });

  it('counts messages until they are acked, those in flight too', async () => {
    const { queue } = harness();
    await queue.send(wakeUp(1), 0);
    await queue.send(wakeUp(2), 5_000);
    expect(await queue.depth()).toBe(2);
    const [delivery] = await now(queue, 1);
    expect(await queue.depth()).toBe(2);
    await delivery?.ack();
    expect(await queue.depth()).toBe(1);
  });

  it('never delivers an acked message again, and takes a second ack or a late release for nothing', async () => {
    const { queue, passMs, visibilityTimeoutMs } = harness();
    await queue.send(wakeUp(1), 0);
    const [delivery] = await now(queue, 1);
    await delivery?.ack();
    await delivery?.ack();
    await delivery?.release(0);
    await passMs(visibilityTimeoutMs + 1);
    expect(await now(queue, 1)).toEqual([]);
  });

  it('delivers each of many messages to one of two processes that receive at once', async () => {
    const { queue, second } = harness();
    const queues = [queue, await second()];
    for (let n = 1; n <= RACE_MESSAGES; n += 1) await queue.send(wakeUp(n), 0);
    const rounds = Array.from({ length: RACE_MESSAGES }, (_, n) => queues[n % queues.length] ?? queue);
    const received = (await Promise.all(rounds.map((one) => now(one, 1)))).flat();
    expect(ids(received)).toEqual(Array.from({ length: RACE_MESSAGES }, (_, n) => jobIdOf(n + 1)));
  });
}

function describeVisibility(harness: () => JobQueueHarness): void {
  it('keeps a delayed message back until its time', async () => {
    const { queue, passMs } = harness();
    await queue.send(wakeUp(1), 5_000);
    expect(await now(queue, 1)).toEqual([]);
    await passMs(5_000);
    expect(ids(await now(queue, 1))).toEqual([jobIdOf(1)]);
  });

  it('hides a received message from others until its time is over, then delivers it again', async () => {
    const { queue, second, passMs, visibilityTimeoutMs } = harness();
    const other = await second();
    await queue.send(wakeUp(1), 0);
    await now(queue, 1);
    expect(await now(other, 1)).toEqual([]);
    await passMs(visibilityTimeoutMs);
    const [again] = await now(other, 1);
    expect(again).toMatchObject({ jobId: jobIdOf(1), receivedCount: 2 });
  });

  it('delivers a released message again after the delay', async () => {
    const { queue, passMs } = harness();
    await queue.send(wakeUp(1), 0);
    const [delivery] = await now(queue, 1);
    await delivery?.release(2_000);
    await delivery?.release(2_000);
    expect(await now(queue, 1)).toEqual([]);
    await passMs(2_000);
    expect(await now(queue, 1)).toMatchObject([{ jobId: jobIdOf(1), receivedCount: 2 }]);
  });

  it('delivers a message released without delay at once', async () => {
    const { queue } = harness();
    await queue.send(wakeUp(1), 0);
    const [delivery] = await now(queue, 1);
    await delivery?.release(0);
    expect(await now(queue, 1)).toMatchObject([{ jobId: jobIdOf(1), receivedCount: 2 }]);
  });

  it('keeps a message that somebody else received meanwhile from a late release', async () => {
    const { queue, passMs, visibilityTimeoutMs } = harness();
    await queue.send(wakeUp(1), 0);
    const [late] = await now(queue, 1);
    await passMs(visibilityTimeoutMs);
    expect(await now(queue, 1)).toHaveLength(1);
    await late?.release(0);
    expect(await now(queue, 1)).toEqual([]);
  });
}

function describeWaiting(harness: () => JobQueueHarness): void {
  it('waits for the first message', async () => {
    const { queue, second } = harness();
    const abort = new AbortController();
    const waiting = queue.receive({ max: 10, waitMs: LONG_WAIT_MS, signal: abort.signal });
    await (await second()).send(wakeUp(1), 0);
    expect(ids(await waiting)).toEqual([jobIdOf(1)]);
  });

  it('ends a wait at once when aborted, with nothing', async () => {
    const { queue } = harness();
    const abort = new AbortController();
    const waiting = queue.receive({ max: 1, waitMs: LONG_WAIT_MS, signal: abort.signal });
    abort.abort();
    expect(await waiting).toEqual([]);
  });

  it('takes no message when it was aborted before', async () => {
    const { queue } = harness();
    await queue.send(wakeUp(1), 0);
    expect(await queue.receive({ max: 1, waitMs: LONG_WAIT_MS, signal: AbortSignal.abort() })).toEqual([]);
    expect(await now(queue, 1)).toMatchObject([{ receivedCount: 1 }]);
  });

  it('ends a wait when its time is over', async () => {
    const { queue, passMs } = harness();
    const waiting = queue.receive({ max: 1, waitMs: 1_000, signal: new AbortController().signal });
    await passMs(1_000);
    expect(await waiting).toEqual([]);
  });
}

/** Three clients take turns, so that a queue that is shared fairly has somebody to share it between. */
function wakeUp(n: number): { jobId: JobId; clientId: string } {
  return { jobId: jobIdOf(n), clientId: `client-${n % 3}` };
}

function now(queue: JobQueue, max: number): Promise<Delivery[]> {
  return queue.receive({ max, waitMs: 0, signal: new AbortController().signal });
}

function ids(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ jobId }) => jobId).sort();
}
