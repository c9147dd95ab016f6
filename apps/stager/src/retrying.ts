import { errorFields, type Log } from '@bpi/job-contract';
import type { Pause } from './task-watch.ts';

export type RetryOptions = { loop: string; pause: Pause; log: Log; signal: AbortSignal };

/** The stages raise only what may pass; where it does not, the runner starts another attempt. */
export const STAGE_RETRIES = { triesMax: 5, firstPauseMs: 500, pauseMsMax: 8_000 } as const;

/** Runs a step that is safe to repeat until it succeeds, a few times at most. Raises its last error. */
export async function retrying<T>(step: () => Promise<T>, { loop, pause, log, signal }: RetryOptions): Promise<T> {
  let pauseMs: number = STAGE_RETRIES.firstPauseMs;
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    try {
      return await step();
    } catch (error) {
      if (signal.aborted || tries === STAGE_RETRIES.triesMax) throw error;
      log('loop.failed', { loop, ...errorFields(error) });
    }
    await pause(pauseMs, signal);
    pauseMs = Math.min(STAGE_RETRIES.pauseMsMax, pauseMs * 2);
  }
}
