import { sweep, type SweepPosition } from '@bpi/jobs';
import { runLoop, type LoopTools } from './loop.ts';
import { Notifier } from './notifier.ts';

export type SweepSettings = {
  intervalMs: number;
  /** Logs what is only known by asking: free slots, messages waiting. None where nobody reads metrics. */
  gauge?: { everyMs: number; log: () => Promise<void> };
};

/** Looks at every active job now and then; what any crash left behind is mended here at the latest. */
export async function sweepLoop(tools: LoopTools, settings: SweepSettings): Promise<void> {
  const { context, liveness, signal } = tools;
  let after: SweepPosition | null = null;
  let gaugedAtMs = -Infinity;
  const round = async () => {
    const startedMs = context.clock.monotonicMs();
    const { next, ...swept } = await sweep(context, { after, signal, onJob: () => liveness.busy('sweep') });
    after = next;
    if (swept.jobs > 0) context.log('sweep.done', { ...swept, durationMs: context.clock.monotonicMs() - startedMs });
    if (settings.gauge !== undefined && startedMs - gaugedAtMs >= settings.gauge.everyMs) {
      gaugedAtMs = startedMs;
      await settings.gauge.log();
    }
    return settings.intervalMs;
  };
  await runLoop(tools, { name: 'sweep', round, failedPauseMs: settings.intervalMs, wake: new Notifier() });
}
