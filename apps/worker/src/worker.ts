import { cleanLoop, type CleanSettings } from './clean-loop.ts';
import { dispatchLoop, type DispatchSettings } from './dispatch-loop.ts';
import { eventLoop } from './event-loop.ts';
import { expiryLoop, type ExpirySettings } from './expiry-loop.ts';
import { JobWatch, type WatchSettings } from './job-watch.ts';
import type { LoopTools } from './loop.ts';
import { Notifier } from './notifier.ts';
import { sweepLoop, type SweepSettings } from './sweep-loop.ts';

export type WorkerSettings = {
  dispatch: DispatchSettings;
  watch: WatchSettings;
  sweep: SweepSettings;
  clean: CleanSettings;
  expiry: ExpirySettings;
};

/** The loops around `advance`. Resolves when the signal ended them and every step under way is finished. */
export async function runWorker(tools: LoopTools, settings: WorkerSettings): Promise<void> {
  const roomMade = { dispatch: new Notifier(), waiting: new Notifier() };
  const watch = new JobWatch(tools, settings.watch, () => {
    for (const loop of Object.values(roomMade)) loop.notify();
  });
  await Promise.all([
    dispatchLoop(tools, watch, roomMade, settings.dispatch),
    eventLoop(tools, watch),
    sweepLoop(tools, settings.sweep),
    cleanLoop(tools, settings.clean),
    expiryLoop(tools, settings.expiry),
  ]);
  await watch.close();
}
