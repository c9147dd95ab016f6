import type { Clock } from '@bpi/jobs';
import type { TaskState } from './task-metadata.ts';

/** Waits; rejects when the signal aborts. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

/** What stage-out needs to watch the containers beside it. */
export type TaskWatch = {
  /** Rejects when the endpoint fails in passing. */
  readTask: (signal: AbortSignal) => Promise<TaskState>;
  clock: Pick<Clock, 'monotonicMs'>;
  pause: Pause;
  times: WatchTimes;
};

export type WatchTimes = {
  /** Between two questions about the task. */
  askMs: number;
  /** Between two looks at the files of the task. */
  lookMs: number;
  /** How long the metadata endpoint may fail without a break; an agent that is updated is away for about a minute. */
  silentMsMax: number;
  /** How long after stage-in's verdict a model that did not start is given up. */
  startDeadlineMs: number;
  /** A stop of the whole task may reach the model first; this is how long after it we may hear of it. */
  stopSettleMs: number;
};

export const WATCH_TIMES = {
  askMs: 1_000,
  lookMs: 250,
  silentMsMax: 5 * 60_000,
  stopSettleMs: 1_000,
} as const satisfies Partial<WatchTimes>;

/**
 * Asks about the task until `settle` gives something else than null. It gets null where an answer failed. Gives
 * `silent` when the endpoint failed for too long; rejects only for the signal, or with what `settle` raises.
 */
export async function pollTask<T>(
  watch: TaskWatch,
  signal: AbortSignal,
  settle: (task: TaskState | null) => T | null | Promise<T | null>,
): Promise<T | 'silent'> {
  let heardAtMs = watch.clock.monotonicMs();
  for (;;) {
    const task = await watch.readTask(signal).catch(() => null);
    signal.throwIfAborted();
    const nowMs = watch.clock.monotonicMs();
    if (task !== null) heardAtMs = nowMs;
    const settled = await settle(task);
    if (settled !== null) return settled;
    if (nowMs - heardAtMs >= watch.times.silentMsMax) return 'silent';
    await watch.pause(watch.times.askMs, signal);
  }
}

/** What the first of some loops gives or raises; the others are ended and waited for. */
export async function firstOf<T>(
  signal: AbortSignal,
  loops: readonly ((signal: AbortSignal) => Promise<T>)[],
): Promise<T> {
  const over = new AbortController();
  const running = loops.map((loop) => loop(AbortSignal.any([signal, over.signal])));
  try {
    return await Promise.race(running);
  } finally {
    over.abort();
    await Promise.allSettled(running);
  }
}
