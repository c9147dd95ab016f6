import { errorFields } from '@bpi/job-contract';
import type { AdvanceContext } from '@bpi/jobs';
import type { Liveness, LoopName } from './liveness.ts';
import type { Notifier } from './notifier.ts';
import type { Timers } from './timers.ts';

/** What every loop works with; the signal ends it. */
export type LoopTools = { context: AdvanceContext; liveness: Liveness; signal: AbortSignal; timers: Timers };

export type Loop = {
  name: LoopName;
  /** One round. Resolves to the pause after it, milliseconds. */
  round: () => Promise<number>;
  /** The pause after a round that threw. */
  failedPauseMs: number;
  /** Ends a pause early. */
  wake: Notifier;
};

/** Rounds until aborted. One that throws is logged, and the next one comes all the same. */
export async function runLoop(tools: LoopTools, loop: Loop): Promise<void> {
  const { liveness, signal } = tools;
  while (!signal.aborted) {
    liveness.busy(loop.name);
    const pauseMs = await oneRound(tools, loop);
    liveness.idle(loop.name);
    if (pauseMs > 0) await loop.wake.wait(pauseMs, tools);
  }
}

async function oneRound({ context }: LoopTools, loop: Loop): Promise<number> {
  try {
    return await loop.round();
  } catch (error) {
    context.log('loop.failed', { loop: loop.name, ...errorFields(error) });
    return loop.failedPauseMs;
  }
}
