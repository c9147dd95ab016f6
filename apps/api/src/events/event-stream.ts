import type { Writable } from 'node:stream';
import { holdsSlot, type ProgressEvent } from '@bpi/job-contract';
import { markOf, type Clock, type StoredJob } from '@bpi/jobs';
import type { JobWatch } from '../waiting/job-watch.ts';
import { eventsAfter, isToldAll, type LifePosition } from './life-of.ts';

/** When a client whose stream ended asks again. */
const RETRY_MS = 2_000;

export type EventStreamSettings = {
  /** Then the stream ends, and its client goes on with a new one. */
  streamLifeMs: number;
  /** After so long without an event a comment is sent, so that nobody between takes the connection for dead. */
  streamHeartbeatMs: number;
  /** A client that leaves more unread is cut off. */
  streamBufferBytesMax: number;
};

type EventStreamOptions = {
  settings: EventStreamSettings;
  watch: JobWatch;
  clock: Clock;
  /** Where the frames go. Ended by the caller, destroyed here if its reader is too slow. */
  out: Pick<Writable, 'write' | 'destroy' | 'destroyed' | 'writableLength' | 'writableNeedDrain'>;
  gone: AbortSignal;
  /** The job as it is now; null = it is not to be shown any more. */
  look: () => Promise<StoredJob | null>;
};

/**
 * Tells one client of one job, as server-sent events, from a position on until the job has ended, the stream is old enough,
 * or the process ends. Source of the format: WHATWG HTML, "Server-sent events".
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  #position: LifePosition;
  #progress = '';
  #wroteAtMs = 0;

  constructor(options: EventStreamOptions, position: LifePosition) {
    this.#options = options;
    this.#position = position;
  }

  /** Resolves when there is nothing more to tell here. Throws what `look` throws. */
  async tell(first: StoredJob): Promise<void> {
    const { clock, gone, look, settings, watch } = this.#options;
    const endsAtMs = clock.monotonicMs() + settings.streamLifeMs;
    this.#write(`retry: ${RETRY_MS}\n\n`);
    for (let stored: StoredJob | null = first; stored !== null;) {
      this.#tellNew(stored);
      if (isToldAll(this.#position)) return;
      const nowMs = clock.monotonicMs();
      if (nowMs >= endsAtMs || watch.isClosed || gone.aborted) return;
      const waitMs = Math.min(endsAtMs, this.#wroteAtMs + settings.streamHeartbeatMs) - nowMs;
      const outcome = await watch.changed({ jobId: stored.job.jobId, seen: markOf(stored), waitMs, gone });
      if (gone.aborted) return;
      if (outcome === 'changed') stored = await look();
      else if (clock.monotonicMs() < endsAtMs && !watch.isClosed) this.#beat();
    }
  }

  #tellNew(stored: StoredJob): void {
    for (const { id, event, position } of eventsAfter(stored.job, this.#position)) {
      this.#write(`event: ${event.type}\nid: ${id}\ndata: ${JSON.stringify(event)}\n\n`);
      this.#position = position;
    }
    const progress = progressOf(stored);
    if (progress === null || this.#options.out.writableNeedDrain) return;
    const data = JSON.stringify(progress);
    if (data === this.#progress) return;
    this.#progress = data;
    this.#write(`event: progress\ndata: ${data}\n\n`);
  }

  #beat(): void {
    // A reader that is behind has something to read; what cannot be lost is written all the same, and is little.
    if (this.#options.out.writableNeedDrain) this.#wroteAtMs = this.#options.clock.monotonicMs();
    else this.#write(':\n\n');
  }

  #write(frame: string): void {
    const { clock, out, settings } = this.#options;
    // Node takes a write to what is destroyed for an error that ends the process.
    if (out.destroyed) return;
    out.write(frame);
    this.#wroteAtMs = clock.monotonicMs();
    if (out.writableLength > settings.streamBufferBytesMax) out.destroy();
  }
}

/** Of the attempt under way, as its status shows it. */
function progressOf({ job, progress }: StoredJob): ProgressEvent | null {
  if (progress === null || job.attempt === null || !holdsSlot(job.phase)) return null;
  const { fraction, step, atMs } = progress;
  const at = new Date(atMs).toISOString();
  return { job_id: job.jobId, type: 'progress', at, attempt: job.attempt.epoch, fraction, step };
}
