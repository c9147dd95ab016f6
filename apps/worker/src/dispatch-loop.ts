import { errorFields } from '@bpi/job-contract';
import type { AdvanceContext, Advanced, Delivery } from '@bpi/jobs';
import type { JobWatch } from './job-watch.ts';
import type { Notifier } from './notifier.ts';

export type DispatchSettings = {
  pools: readonly string[];
  receiveMax: number;
  receiveWaitMs: number;
  /** Sleep while every pool is full, unless a job ends before. */
  fullWaitMs: number;
  /** Pause after a round in which no job could be started for lack of room in its own pool. */
  fullPauseMs: number;
  /** A message whose job could not be brought on comes back after this. */
  redeliverMs: number;
};

/** Takes wake-ups from the queue while a pool has room: what this platform cannot start stays in the queue. */
export async function dispatchLoop(
  context: AdvanceContext,
  watch: JobWatch,
  roomMade: Notifier,
  settings: DispatchSettings,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const free = await freeSlots(context, settings.pools);
      if (free === 0) {
        await roomMade.wait(settings.fullWaitMs, signal);
        continue;
      }
      const max = Math.min(free, settings.receiveMax);
      const deliveries = await context.queue.receive({ max, waitMs: settings.receiveWaitMs, signal });
      const results = await Promise.all(deliveries.map((delivery) => dispatch(context, watch, delivery, settings)));
      // One pool has room and the queue holds jobs of another: without a pause their messages would go round and round.
      if (results.length > 0 && results.every((result) => result === 'full'))
        await roomMade.wait(settings.fullPauseMs, signal);
    } catch (error) {
      context.log('loop.failed', { loop: 'dispatch', ...errorFields(error) });
      await roomMade.wait(settings.redeliverMs, signal);
    }
  }
}

async function freeSlots(context: AdvanceContext, pools: readonly string[]): Promise<number> {
  const rooms = await Promise.all(pools.map((pool) => context.store.room(pool)));
  return rooms.reduce((sum, { free }) => sum + free, 0);
}

/** The message has done its work once the record says what comes next; until then it comes back. */
async function dispatch(
  context: AdvanceContext,
  watch: JobWatch,
  delivery: Delivery,
  settings: DispatchSettings,
): Promise<Advanced['kind'] | 'failed'> {
  try {
    const advanced = await watch.look(delivery.jobId);
    const delayMs = redeliveryDelayMs(advanced, context.clock.nowMs(), settings);
    await (delayMs === null ? delivery.ack() : delivery.release(delayMs));
    return advanced.kind;
  } catch (error) {
    context.log('advance.failed', { jobId: delivery.jobId, ...errorFields(error) });
    await delivery.release(settings.redeliverMs);
    return 'failed';
  }
}

function redeliveryDelayMs(advanced: Advanced, nowMs: number, settings: DispatchSettings): number | null {
  if (advanced.kind === 'full' || advanced.kind === 'stale') return settings.redeliverMs;
  if (advanced.kind === 'waiting' && advanced.untilMs !== null) return Math.max(0, advanced.untilMs - nowMs);
  return null;
}
