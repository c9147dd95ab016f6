import type { AdvanceContext } from '@bpi/jobs';
import { dispatchLoop, type DispatchSettings } from './dispatch-loop.ts';
import { eventLoop } from './event-loop.ts';
import { JobWatch, type WatchSettings } from './job-watch.ts';
import { Notifier } from './notifier.ts';
import { sweepLoop, type SweepSettings } from './sweep-loop.ts';

export type WorkerSettings = { dispatch: DispatchSettings; watch: WatchSettings; sweep: SweepSettings };

/** The three loops around `advance`. Resolves when the signal ended them and every step under way is finished. */
export async function runWorker(context: AdvanceContext, settings: WorkerSettings, signal: AbortSignal): Promise<void> {
  const roomMade = new Notifier();
  const watch = new JobWatch(context, settings.watch, () => roomMade.notify());
  await Promise.all([
    dispatchLoop(context, watch, roomMade, settings.dispatch, signal),
    eventLoop(context, watch, new Notifier(), signal),
    sweepLoop(context, new Notifier(), settings.sweep, signal),
  ]);
  await watch.close();
}
