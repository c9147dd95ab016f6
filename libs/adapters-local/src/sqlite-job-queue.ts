import { setTimeout as pause } from 'node:timers/promises';
import { jobIdSchema, type JobId, type JobRecord } from '@bpi/job-contract';
import type { Clock, Delivery, JobQueue } from '@bpi/jobs';
import type { PlatformDatabase } from './platform-database.ts';

export type SqliteJobQueueOptions = {
  /** A received message that was neither acked nor released is visible again after this. */
  visibilityTimeoutMs?: number;
  /** A waiting receive looks this often. One look is an index lookup of some microseconds. */
  pollMs?: number;
};

const VISIBILITY_TIMEOUT_MS = 30_000;
const POLL_MS = 20;

const INSERT = 'INSERT INTO queue_messages (job_id, visible_at_ms, received_count) VALUES (?, ?, 0)';
const ANY_VISIBLE = 'SELECT 1 FROM queue_messages WHERE visible_at_ms <= ? LIMIT 1';
const TAKE_VISIBLE = `
  UPDATE queue_messages SET visible_at_ms = ?, received_count = received_count + 1
  WHERE message_id IN
    (SELECT message_id FROM queue_messages WHERE visible_at_ms <= ? ORDER BY visible_at_ms, message_id LIMIT ?)
  RETURNING message_id, job_id, received_count`;
/** The count names one delivery: an old one's ack or release does nothing to a later one. */
const ACK = 'DELETE FROM queue_messages WHERE message_id = ? AND received_count = ?';
const RELEASE = 'UPDATE queue_messages SET visible_at_ms = ? WHERE message_id = ? AND received_count = ?';
const DEPTH = 'SELECT count(*) AS depth FROM queue_messages';

/** Wake-ups in a table of `platform.db`, with the time at which each is visible (wall clock of this machine). */
export class SqliteJobQueue implements JobQueue {
  readonly #database: PlatformDatabase;
  readonly #clock: Clock;
  readonly #visibilityTimeoutMs: number;
  readonly #pollMs: number;

  constructor(database: PlatformDatabase, clock: Clock, options: SqliteJobQueueOptions = {}) {
    this.#database = database;
    this.#clock = clock;
    this.#visibilityTimeoutMs = options.visibilityTimeoutMs ?? VISIBILITY_TIMEOUT_MS;
    this.#pollMs = options.pollMs ?? POLL_MS;
  }

  async send({ jobId }: Pick<JobRecord, 'jobId'>, delayMs: number): Promise<void> {
    const visibleAtMs = Math.ceil(this.#clock.nowMs() + delayMs);
    await this.#database.write(() => this.#database.sql(INSERT).run(jobId, visibleAtMs));
  }

  async receive(ask: { max: number; waitMs: number; signal: AbortSignal }): Promise<Delivery[]> {
    const endMs = this.#clock.monotonicMs() + ask.waitMs;
    for (;;) {
      if (ask.signal.aborted) return [];
      const taken = await this.#take(ask.max);
      if (taken.length > 0 || this.#clock.monotonicMs() >= endMs) return taken;
      await pause(this.#pollMs, undefined, { signal: ask.signal }).catch(() => {}); // an abort is seen above
    }
  }

  async depth(): Promise<number> {
    return this.#database.read(() => Number(this.#database.sql(DEPTH).get()?.['depth']));
  }

  /** Looks without the write lock first: an idle worker must not keep the API from writing. */
  async #take(max: number): Promise<Delivery[]> {
    const nowMs = Math.floor(this.#clock.nowMs());
    const any = await this.#database.read(() => this.#database.sql(ANY_VISIBLE).get(nowMs));
    if (any === undefined) return [];
    const hiddenUntilMs = nowMs + this.#visibilityTimeoutMs;
    const rows = await this.#database.write(() => this.#database.sql(TAKE_VISIBLE).all(hiddenUntilMs, nowMs, max));
    return rows.map((row) =>
      this.#delivery(Number(row['message_id']), jobIdSchema.parse(row['job_id']), Number(row['received_count'])),
    );
  }

  #delivery(messageId: number, jobId: JobId, receivedCount: number): Delivery {
    return {
      jobId,
      receivedCount,
      ack: async () => {
        await this.#database.write(() => this.#database.sql(ACK).run(messageId, receivedCount));
      },
      release: async (delayMs) => {
        const visibleAtMs = Math.ceil(this.#clock.nowMs() + delayMs);
        await this.#database.write(() => this.#database.sql(RELEASE).run(visibleAtMs, messageId, receivedCount));
      },
    };
  }
}
