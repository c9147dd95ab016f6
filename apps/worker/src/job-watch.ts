import { errorFields, type JobId } from '@bpi/job-contract';
import { advance, type AdvanceContext, type Advanced } from '@bpi/jobs';
import type { LoopTools } from './loop.ts';
import type { Timers } from './timers.ts';

export type WatchSettings = {
  /** After something moved, look again this soon: the next step often follows at once. */
  followUpMs: number;
  /** How often a job in flight is looked at when nothing wakes it: bounds the delay of a cancellation. */
  lookAgainMs: number;
};

/**
 * Calls `advance` for the jobs this worker has to do with: one call per job at a time, and again when its time has
 * come. Only pace lives here; a worker that forgets all of this loses nothing, because the sweep looks at every job.
 */
export class JobWatch {
  readonly #context: AdvanceContext;
  readonly #timers: Timers;
  readonly #settings: WatchSettings;
  readonly #onMoved: () => void;
  readonly #running = new Map<JobId, Promise<Advanced>>();
  readonly #planned = new Map<JobId, { dueMs: number; cancel: () => void }>();
  #closed = false;

  /** @param onMoved called after a look that changed something, or failed: a slot may have become free. */
  constructor(tools: Pick<LoopTools, 'context' | 'timers'>, settings: WatchSettings, onMoved: () => void) {
    this.#context = tools.context;
    this.#timers = tools.timers;
    this.#settings = settings;
    this.#onMoved = onMoved;
  }

  /** One step for this job, after the one that may be under way; none once closed. Rejects when `advance` does. */
  async look(jobId: JobId): Promise<Advanced> {
    while (this.#running.has(jobId)) await this.#running.get(jobId)?.catch(() => null);
    if (this.#closed) return { kind: 'stale' };
    const step = this.#step(jobId);
    this.#running.set(jobId, step);
    return step;
  }

  /**
   * `look` for callers that have nobody to tell: a failure is logged, and the sweep will come by again. A look that is
   * to come sooner stays: a plan for later must not undo a wake-up.
   */
  lookLater(jobId: JobId, delayMs: number): void {
    if (this.#closed) return;
    const dueMs = this.#context.clock.monotonicMs() + delayMs;
    const planned = this.#planned.get(jobId);
    if (planned !== undefined && planned.dueMs <= dueMs) return;
    planned?.cancel();
    const cancel = this.#timers.after(delayMs, () => {
      this.#planned.delete(jobId);
      this.look(jobId).catch((error: unknown) => this.#context.log('advance.failed', { jobId, ...errorFields(error) }));
    });
    this.#planned.set(jobId, { dueMs, cancel });
  }

  /** Waits for the steps under way; starts no new ones. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { cancel } of this.#planned.values()) cancel();
    await Promise.allSettled(this.#running.values());
  }

  async #step(jobId: JobId): Promise<Advanced> {
    try {
      const advanced = await advance(this.#context, jobId);
      this.#plan(jobId, advanced);
      if (advanced.kind !== 'full' && advanced.kind !== 'waiting') this.#onMoved();
      return advanced;
    } catch (error) {
      this.lookLater(jobId, this.#settings.lookAgainMs);
      this.#onMoved();
      throw error;
    } finally {
      this.#running.delete(jobId);
    }
  }

  #plan(jobId: JobId, advanced: Advanced): void {
    if (advanced.kind === 'moved') this.lookLater(jobId, this.#settings.followUpMs);
    if (advanced.kind !== 'waiting') return;
    const untilMs = advanced.untilMs === null ? Infinity : advanced.untilMs - this.#context.clock.nowMs();
    this.lookLater(jobId, Math.max(0, Math.min(untilMs, this.#settings.lookAgainMs)));
  }
}
