import { describe, expect, it } from '@jest/globals';
import { createLog } from '@bpi/job-contract';
import { orStopped } from './or-stopped.ts';
import { retrying, STAGE_RETRIES } from './retrying.ts';

const GRACE_MS = 20;

function retryBench() {
  const pauses: number[] = [];
  const logged: string[] = [];
  const stop = new AbortController();
  const options = {
    loop: 'stage-in',
    pause: async (ms: number) => void pauses.push(ms),
    log: createLog(
      (line) => logged.push(line),
      () => 0,
    ),
    signal: stop.signal,
  };
  return { options, pauses, logged, stop };
}

describe('a step that fails in passing', () => {
  it('is repeated after longer and longer pauses', async () => {
    const { options, pauses, logged } = retryBench();
    let tries = 0;
    const step = async () => {
      tries += 1;
      if (tries < 4) throw new Error('busy');
      return 'done';
    };
    expect(await retrying(step, options)).toBe('done');
    expect(pauses).toEqual([500, 1_000, 2_000]);
    expect(logged).toHaveLength(3);
  });

  it('is given up in the end, with its last error', async () => {
    const { options, pauses } = retryBench();
    let tries = 0;
    const step = async () => Promise.reject(new Error(`busy ${(tries += 1)}`));
    await expect(retrying(step, options)).rejects.toThrow(`busy ${STAGE_RETRIES.triesMax}`);
    expect(pauses).toHaveLength(STAGE_RETRIES.triesMax - 1);
  });

  it('is not repeated after the signal', async () => {
    const { options, pauses, stop } = retryBench();
    const step = async () => {
      stop.abort();
      throw new Error('broken off');
    };
    await expect(retrying(step, options)).rejects.toThrow('broken off');
    expect(pauses).toEqual([]);
  });
});

describe('work under a signal', () => {
  it('gives what it gives without one', async () => {
    const { signal } = new AbortController();
    expect(await orStopped(Promise.resolve('done'), signal, GRACE_MS)).toBe('done');
    await expect(orStopped(Promise.reject(new Error('broken')), signal, GRACE_MS)).rejects.toThrow('broken');
  });

  it('counts as done where it comes to its end within the grace', async () => {
    const stop = new AbortController();
    let finish = (_: string) => {};
    const ending = orStopped(new Promise<string>((settle) => (finish = settle)), stop.signal, 60_000);
    stop.abort();
    finish('done');
    expect(await ending).toBe('done');
  });

  it('is stopped where it gives up for the signal, or does not end', async () => {
    const stop = new AbortController();
    let giveUp = (_: Error) => {};
    const givingUp = orStopped(new Promise<string>((_, reject) => (giveUp = reject)), stop.signal, 60_000);
    const stuck = orStopped(new Promise<string>(() => {}), stop.signal, GRACE_MS);
    stop.abort();
    giveUp(new Error('broken off'));
    expect(await Promise.all([givingUp, stuck])).toEqual(['stopped', 'stopped']);
    expect(await orStopped(new Promise<string>(() => {}), stop.signal, GRACE_MS)).toBe('stopped');
  });
});
