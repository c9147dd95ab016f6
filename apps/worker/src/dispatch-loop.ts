import { errorFields } from '@bpi/job-contract';
import type { Advanced, Delivery } from '@bpi/jobs';
import type { JobWatch } from './job-watch.ts';
import { runLoop, type LoopTools } from './loop.ts';
import type { Notifier } from './notifier.ts';
import { WaitingClaims } from './waiting-claims.ts';

export type DispatchSettings = {
  pools: readonly string[];
  receiveMax: number;
  receiveWaitMs: number;
  /** Sleep while there is no room for anything, unless a job ends before. */
  fullWaitMs: number;
  /** The message of a job that waits for a slot rests this long; the job is remembered, and the sweep looks after it. */
  fullRedeliverMs: number;
  /** A message whose job could not be brought on comes back after this. */
  redeliverMs: number;
};

/** `fullRedeliverMs` on AWS: what a worker remembered that is gone does not count as waiting for much longer. */
export const AWS_FULL_REDELIVER_MS = 15 * 60 * 1_000;

/**
 * How often one message may be received while nothing is wrong: once for each `AWS_FULL_REDELIVER_MS` until the default
 * start deadline (24 h), and as often again for claims that were lost to somebody faster and workers that ended. The
 * queue's maxReceiveCount has to be well above it (SQS allows 1,000); a longer start deadline needs more.
 */
export const RECEIVES_WHILE_HEALTHY_MAX = 200;

type Dispatcher = LoopTools & { watch: JobWatch; settings: DispatchSettings; waiting: WaitingClaims };

/**
 * Takes wake-ups from the queue while a pool has room: what this platform cannot start stays in the queue. With room in
 * one pool it also receives jobs of another that is full. Those wait beside the queue for a slot of their own pool, so
 * that their messages do not go round and round, and the jobs behind them get their turn.
 */
export async function dispatchLoop(
  tools: LoopTools,
  watch: JobWatch,
  roomMade: Readonly<Record<'dispatch' | 'waiting', Notifier>>,
  settings: DispatchSettings,
): Promise<void> {
  const dispatcher: Dispatcher = { ...tools, watch, settings, waiting: new WaitingClaims() };
  const failedPauseMs = settings.redeliverMs;
  const rounds = { dispatch: receive, waiting: startWaiting } as const;
  const loop = (name: keyof typeof rounds) =>
    runLoop(tools, { name, round: () => rounds[name](dispatcher), wake: roomMade[name], failedPauseMs });
  await Promise.all([loop('dispatch'), loop('waiting')]);
}

async function receive(dispatcher: Dispatcher): Promise<number> {
  const { context, settings, signal } = dispatcher;
  const free = await freeByPool(dispatcher);
  if ([...free.values()].every((slots) => slots === 0)) return settings.fullWaitMs;
  // As many as there may be: those of a full pool stand before those of one that has room.
  const deliveries = await context.queue.receive({
    max: settings.receiveMax,
    waitMs: settings.receiveWaitMs,
    signal,
  });
  await Promise.all(deliveries.map((delivery) => dispatch(dispatcher, delivery)));
  return 0;
}

/** Its own loop, since a receive waits long and does not hear of a slot that became free. */
async function startWaiting(dispatcher: Dispatcher): Promise<number> {
  const { settings, waiting } = dispatcher;
  if (waiting.size === 0) return settings.fullWaitMs;
  const due = waiting.due(await freeByPool(dispatcher), settings.receiveMax);
  const results = await Promise.all(due.map((delivery) => dispatch(dispatcher, delivery)));
  return results.every((result) => result === 'full') ? settings.fullWaitMs : 0;
}

async function freeByPool({ context, settings }: Dispatcher): Promise<ReadonlyMap<string, number>> {
  return new Map(
    await Promise.all(settings.pools.map(async (pool) => [pool, (await context.store.room(pool)).free] as const)),
  );
}

/** The message has done its work once the record says what comes next; until then it comes back. */
async function dispatch(dispatcher: Dispatcher, delivery: Delivery): Promise<Advanced['kind'] | 'failed'> {
  const { context, watch, settings, waiting } = dispatcher;
  const { jobId } = delivery;
  try {
    const advanced = await watch.look(jobId);
    if (advanced.kind === 'full') waiting.remember(advanced.pool, delivery);
    else waiting.forget(jobId);
    const delayMs = redeliveryDelayMs(advanced, context.clock.nowMs(), settings);
    await (delayMs === null ? delivery.ack() : delivery.release(delayMs));
    return advanced.kind;
  } catch (error) {
    waiting.forget(jobId);
    context.log('advance.failed', { jobId, ...errorFields(error) });
    await delivery.release(settings.redeliverMs);
    return 'failed';
  }
}

function redeliveryDelayMs(advanced: Advanced, nowMs: number, settings: DispatchSettings): number | null {
  if (advanced.kind === 'full') return settings.fullRedeliverMs;
  if (advanced.kind === 'stale') return settings.redeliverMs;
  if (advanced.kind === 'waiting' && advanced.untilMs !== null) return Math.max(0, advanced.untilMs - nowMs);
  return null;
}
