import type { JobId } from '@bpi/job-contract';
import type { Delivery } from '@bpi/jobs';

/** Jobs remembered at most. The sweep wakes any other one once its pool has room. */
const WAITING_MAX = 1_000;

type Waiting = { pool: string; delivery: Delivery };

/**
 * The jobs whose pool had no slot for them, in the order of their first try. Their messages rest in the queue
 * meanwhile, so this memory, and not the queue, is asked when a slot becomes free. Losing it costs a sweep's interval.
 */
export class WaitingClaims {
  readonly #waiting = new Map<JobId, Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  remember(pool: string, delivery: Delivery): void {
    if (this.#waiting.size < WAITING_MAX || this.#waiting.has(delivery.jobId))
      this.#waiting.set(delivery.jobId, { pool, delivery });
  }

  forget(jobId: JobId): void {
    this.#waiting.delete(jobId);
  }

  /** Those for whom there is a slot now, longest waiting first. */
  due(freeByPool: ReadonlyMap<string, number>, max: number): Delivery[] {
    const free = new Map(freeByPool);
    const due: Delivery[] = [];
    for (const { pool, delivery } of this.#waiting.values()) {
      if (due.length >= max) break;
      const left = free.get(pool) ?? 0;
      if (left <= 0) continue;
      free.set(pool, left - 1);
      due.push(delivery);
    }
    return due;
  }
}
