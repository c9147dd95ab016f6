import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What some work gives, or `stopped` when the signal aborted and the work gave up for it or did not end within the
 * grace. Work that comes to its end in spite of the signal counts as done.
 */
export async function orStopped<T>(work: Promise<T>, signal: AbortSignal, graceMs: number): Promise<T | 'stopped'> {
  const done = new AbortController();
  const outOfGrace = async (): Promise<'stopped'> => {
    if (!signal.aborted) await once(signal, 'abort', { signal: done.signal });
    return delay(graceMs, 'stopped' as const, { signal: done.signal });
  };
  const ended = work.catch((error: unknown) => {
    if (signal.aborted) return 'stopped' as const;
    throw error;
  });
  try {
    return await Promise.race([ended, outOfGrace().catch(() => ended)]);
  } finally {
    done.abort();
  }
}
