import type { JobId } from '@bpi/job-contract';
import type { JobStore } from '@bpi/jobs';

/** After a read that failed, so that a store in trouble is not asked ten times a second. */
const FAILURE_PAUSE_MS = 1_000;

export type JobWatchOptions = {
  store: Pick<JobStore, 'marks'>;
  /** Between two reads of the store. */
  tickMs: number;
  /** A read failed; whoever waits goes on waiting. */
  onFailure: (error: unknown) => void;
};

export type ChangeAsk = {
  jobId: JobId;
  /** `markOf` what the caller knows. */
  seen: string;
  waitMs: number;
  /** Aborts when nobody wants to know any more. */
  gone: AbortSignal;
};

type Waiter = { readonly seen: string; settle(outcome: 'changed' | 'over'): void };

/**
 * The one watcher of a process: asks the store for the marks of all watched jobs together, once per tick and only while
 * somebody waits. So a thousand waiting clients cost as many reads as one. How many may wait is for its callers to bound.
 */
export class JobWatch {
  readonly #options: JobWatchOptions;
  readonly #waiters = new Map<JobId, Set<Waiter>>();
  #timer: NodeJS.Timeout | null = null;
  #isReading = false;
  #isClosed = false;

  constructor(options: JobWatchOptions) {
    this.#options = options;
  }

  /** From `close` on nobody waits any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** `changed`: the job is not what the caller knows. `over`: the time is, or its client left, or the process ends. */
  changed({ jobId, seen, waitMs, gone }: ChangeAsk): Promise<'changed' | 'over'> {
    if (this.#isClosed || gone.aborted || waitMs <= 0) return Promise.resolve('over');
    return new Promise((resolve) => {
      const leave = () => waiter.settle('over');
      const timer = setTimeout(leave, waitMs);
      const waiter: Waiter = {
        seen,
        settle: (outcome) => {
          clearTimeout(timer);
          gone.removeEventListener('abort', leave);
          this.#remove(jobId, waiter);
          resolve(outcome);
        },
      };
      gone.addEventListener('abort', leave);
      this.#add(jobId, waiter);
    });
  }

  /** Ends every wait at once. */
  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const [, waiter] of this.#all()) waiter.settle('over');
  }

  #add(jobId: JobId, waiter: Waiter): void {
    const ofJob = this.#waiters.get(jobId);
    if (ofJob === undefined) this.#waiters.set(jobId, new Set([waiter]));
    else ofJob.add(waiter);
    this.#schedule(this.#options.tickMs);
  }

  #remove(jobId: JobId, waiter: Waiter): void {
    const ofJob = this.#waiters.get(jobId);
    ofJob?.delete(waiter);
    if (ofJob?.size === 0) this.#waiters.delete(jobId);
  }

  #all(): [JobId, Waiter][] {
    return [...this.#waiters].flatMap(([jobId, ofJob]) => [...ofJob].map((waiter): [JobId, Waiter] => [jobId, waiter]));
  }

  #schedule(pauseMs: number): void {
    if (this.#isClosed || this.#isReading || this.#timer !== null || this.#waiters.size === 0) return;
    this.#timer = setTimeout(() => void this.#tick(), pauseMs);
  }

  async #tick(): Promise<void> {
    this.#timer = null;
    this.#isReading = true;
    const pauseMs = await this.#wakeChanged();
    this.#isReading = false;
    this.#schedule(pauseMs);
  }

  /** Answers how long to pause then. Who comes while the store is read may know more than that read: left to the next. */
  async #wakeChanged(): Promise<number> {
    const { store, tickMs, onFailure } = this.#options;
    const waiters = this.#all();
    if (waiters.length === 0) return tickMs;
    try {
      const marks = await store.marks([...this.#waiters.keys()]);
      for (const [jobId, waiter] of waiters) if (marks.get(jobId) !== waiter.seen) waiter.settle('changed');
      return tickMs;
    } catch (error) {
      if (!this.#isClosed) onFailure(error);
      return Math.max(tickMs, FAILURE_PAUSE_MS);
    }
  }
}
