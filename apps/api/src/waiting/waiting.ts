import { errorFields, type Log } from '@bpi/job-contract';
import type { Clock, JobStore } from '@bpi/jobs';
import type { ApiSettings } from '../settings.ts';
import { AnswerHold } from './hold.ts';
import { JobWatch } from './job-watch.ts';
import { Places } from './places.ts';

/** What the API has for clients that want to hear of a change, once per process. */
export type Waiting = { watch: JobWatch; hold: AnswerHold; waits: Places; streams: Places };

export function makeWaiting(parts: { store: JobStore; settings: ApiSettings; clock: Clock; log: Log }): Waiting {
  const { store, settings, clock, log } = parts;
  const watch = new JobWatch({
    store,
    tickMs: settings.watchTickMs,
    onFailure: (error) => log('loop.failed', { loop: 'watch', ...errorFields(error) }),
  });
  const waits = new Places({ perClientMax: settings.waitsPerClientMax, max: settings.waitsMax });
  return {
    watch,
    hold: new AnswerHold({ watch, places: waits, waitSecondsMax: settings.waitSecondsMax, clock }),
    waits,
    streams: new Places({ perClientMax: settings.streamsPerClientMax, max: settings.streamsMax }),
  };
}
