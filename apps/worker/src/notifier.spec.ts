import { describe, expect, it } from '@jest/globals';
import { Notifier } from './notifier.ts';
import { systemTimers as timers } from './timers.ts';

const LONG_MS = 60_000;

describe('a notifier', () => {
  it('wakes everybody who waits', async () => {
    const notifier = new Notifier();
    const { signal } = new AbortController();
    const waits = Promise.all([notifier.wait(LONG_MS, { signal, timers }), notifier.wait(LONG_MS, { signal, timers })]);
    notifier.notify();
    await waits;
  });

  it('wakes when its time is over or it is aborted', async () => {
    const notifier = new Notifier();
    const stop = new AbortController();
    await notifier.wait(1, { signal: stop.signal, timers });
    const wait = notifier.wait(LONG_MS, { signal: stop.signal, timers });
    stop.abort();
    await wait;
    await notifier.wait(LONG_MS, { signal: stop.signal, timers });
  });

  it('remembers that something happened while nobody waited, for one wait', async () => {
    const notifier = new Notifier();
    const { signal } = new AbortController();
    notifier.notify();
    notifier.notify();
    await notifier.wait(LONG_MS, { signal, timers });
    const startedMs = performance.now();
    await notifier.wait(20, { signal, timers });
    expect(performance.now() - startedMs).toBeGreaterThan(15);
  });
});
