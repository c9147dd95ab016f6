import { errorFields } from '@bpi/job-contract';
import { removeForgottenInputs, sweep, type AdvanceContext } from '@bpi/jobs';
import type { Notifier } from './notifier.ts';

export type SweepSettings = {
  intervalMs: number;
  /** Forgotten files are looked for this often. */
  cleanIntervalMs: number;
  /** Backend's own left-overs (temporary files), cleaned at the same pace. */
  cleanBackend: () => Promise<void>;
  /** Logs what is only known by asking: free slots, messages waiting. None where nobody reads metrics. */
  gauge?: { everyMs: number; log: () => Promise<void> };
};

/** Looks at every active job now and then; what any crash left behind is mended here at the latest. */
export async function sweepLoop(
  context: AdvanceContext,
  pause: Notifier,
  settings: SweepSettings,
  signal: AbortSignal,
): Promise<void> {
  let cleanedAtMs = -Infinity;
  let gaugedAtMs = -Infinity;
  while (!signal.aborted) {
    const startedMs = context.clock.monotonicMs();
    try {
      const swept = await sweep(context, signal);
      if (swept.jobs > 0) context.log('sweep.done', { ...swept, durationMs: context.clock.monotonicMs() - startedMs });
      if (settings.gauge !== undefined && startedMs - gaugedAtMs >= settings.gauge.everyMs) {
        gaugedAtMs = startedMs;
        await settings.gauge.log();
      }
      if (startedMs - cleanedAtMs >= settings.cleanIntervalMs) {
        cleanedAtMs = startedMs;
        await removeForgottenInputs(context, signal);
        await settings.cleanBackend();
      }
    } catch (error) {
      context.log('loop.failed', { loop: 'sweep', ...errorFields(error) });
    }
    await pause.wait(settings.intervalMs, signal);
  }
}
