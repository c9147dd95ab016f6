import { setTimeout as pause } from 'node:timers/promises';
import type { JobId, JobRecord } from '@bpi/job-contract';
import type { Clock, Delivery, JobQueue } from '@bpi/jobs';

export type MemoryJobQueueOptions = { visibilityTimeoutMs?: number };

const VISIBILITY_TIMEOUT_MS = 30_000;
/** A manual clock cannot wake anybody, so a waiting receive looks again this often (real time). */
const LOOK_AGAIN_MS = 5;

type Message = { jobId: JobId; visibleAtMs: number; receivedCount: number };

/** The JobQueue of tests and simulations: visible times follow the clock that is passed in. */
export class MemoryJobQueue implements JobQueue {
  readonly #clock: Clock;
  readonly #visibilityTimeoutMs: number;
  readonly #messages = new Set<Message>();

  constructor(clock: Clock, options: MemoryJobQueueOptions = {}) {
    this.#clock = clock;
    this.#visibilityTimeoutMs = options.visibilityTimeoutMs ?? VISIBILITY_TIMEOUT_MS;
  }

  async send({ jobId }: Pick<JobRecord, 'jobId'>, delayMs: number): Promise<void> {
    this.#messages.add({ jobId, visibleAtMs: this.#clock.nowMs() + delayMs, receivedCount: 0 });
  }

  async receive(ask: { max: number; waitMs: number; signal: AbortSignal }): Promise<Delivery[]> {
    const endMs = this.#clock.monotonicMs() + ask.waitMs;
    for (;;) {
      if (ask.signal.aborted) return [];
      const taken = this.#take(ask.max);
      if (taken.length > 0 || this.#clock.monotonicMs() >= endMs) return taken;
      await pause(LOOK_AGAIN_MS, undefined, { signal: ask.signal }).catch(() => {}); // an abort is seen above
    }
  }

  async depth(): Promise<number> {
    return this.#messages.size;
  }

  #take(max: number): Delivery[] {
    const nowMs = this.#clock.nowMs();
    const visible = [...this.#messages].filter(({ visibleAtMs }) => visibleAtMs <= nowMs).slice(0, max);
    return visible.map((message) => {
      message.receivedCount += 1;
      message.visibleAtMs = nowMs + this.#visibilityTimeoutMs;
      return this.#delivery(message, message.receivedCount);
    });
  }

  #delivery(message: Message, receivedCount: number): Delivery {
    return {
      jobId: message.jobId,
      receivedCount,
      ack: async () => {
        if (message.receivedCount === receivedCount) this.#messages.delete(message);
      },
      release: async (delayMs) => {
        if (message.receivedCount === receivedCount) message.visibleAtMs = this.#clock.nowMs() + delayMs;
      },
    };
  }
}
