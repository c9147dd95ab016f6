import { describe, expect, it } from '@jest/globals';
import { firstOf, pollTask, type TaskWatch } from './task-watch.ts';
import { taskState } from './testing/task-bench.ts';

/** Every pause passes time at once. */
function watchOf(readTask: TaskWatch['readTask']): TaskWatch & { elapsedMs: () => number } {
  let nowMs = 0;
  return {
    readTask,
    clock: { monotonicMs: () => nowMs },
    pause: async (ms, signal) => {
      signal.throwIfAborted();
      nowMs += ms;
    },
    times: { askMs: 1_000, lookMs: 250, silentMsMax: 10_000, startDeadlineMs: 1, stopSettleMs: 1 },
    elapsedMs: () => nowMs,
  };
}
const NEVER = new AbortController().signal;

describe('asking about a task again and again', () => {
  it('bears an endpoint that fails in between, and asks once a second', async () => {
    let asked = 0;
    const watch = watchOf(async () => {
      asked += 1;
      if (asked % 9 !== 0) throw new Error('busy');
      return taskState({});
    });
    const found = await pollTask(watch, NEVER, (task) => (task !== null && asked >= 27 ? 'found' : null));
    expect(found).toBe('found');
    expect(watch.elapsedMs()).toBe(26_000);
  });

  it('gives up an endpoint that is silent for too long', async () => {
    const watch = watchOf(async () => Promise.reject(new Error('gone')));
    expect(await pollTask(watch, NEVER, () => null)).toBe('silent');
    expect(watch.elapsedMs()).toBe(10_000);
  });

  it('ends with the signal, also in the middle of a question', async () => {
    const stop = new AbortController();
    const watch = watchOf(async () => {
      stop.abort(new Error('stopped'));
      throw new Error('broken off');
    });
    await expect(pollTask(watch, stop.signal, () => null)).rejects.toThrow('stopped');
  });
});

describe('the first of some loops', () => {
  const untilAborted = async (signal: AbortSignal, ended: string[]): Promise<string> =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        ended.push('loop');
        reject(new Error('ended'));
      }),
    );

  it('wins, and the others have ended by then', async () => {
    const ended: string[] = [];
    expect(await firstOf(NEVER, [async () => 'first', (signal) => untilAborted(signal, ended)])).toBe('first');
    expect(ended).toEqual(['loop']);
  });

  it('that raises something ends the others too', async () => {
    const ended: string[] = [];
    const loops = [
      async () => Promise.reject(new Error('broken')),
      (signal: AbortSignal) => untilAborted(signal, ended),
    ];
    await expect(firstOf(NEVER, loops)).rejects.toThrow('broken');
    expect(ended).toEqual(['loop']);
  });
});
