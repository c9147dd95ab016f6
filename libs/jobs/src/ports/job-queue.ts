import type { JobId, JobRecord } from '@bpi/job-contract';

/** A wake-up that was received. It stays invisible to others until acked, released, or its time is over. */
export type Delivery = {
  jobId: JobId;
  /** How often this message was received, this time included. */
  receivedCount: number;
  /** Removes the message. Safe to repeat. */
  ack(): Promise<void>;
  /** Makes the message visible again after the delay. Safe to repeat. */
  release(delayMs: number): Promise<void>;
};

/**
 * Wake-ups for the worker: at least once, in no promised order, possibly twice, possibly lost.
 * A message holds a job id of ours and nothing else; the record is read instead.
 */
export interface JobQueue {
  /** The client is whom the message counts for where a queue is shared fairly; a message is about one of our own ids only. */
  send(job: Pick<JobRecord, 'jobId' | 'clientId'>, delayMs: number): Promise<void>;

  /** Up to `max` visible messages, waiting up to `waitMs` for the first; empty when aborted or none came. */
  receive(ask: { max: number; waitMs: number; signal: AbortSignal }): Promise<Delivery[]>;

  /** Messages not yet acked, approximately. */
  depth(): Promise<number>;
}
