import { z } from 'zod';
import { jobIdSchema } from './ids.ts';
import { FAILURE_CODES, FAULTS } from './outcomes.ts';
import { PHASES, STATUSES } from './states.ts';

/** What `GET /jobs/{job_id}/events` tells of a job's life, each at most once to whoever goes on with `Last-Event-ID`. */
export const LIFE_EVENT_TYPES = [
  'created',
  'claimed',
  'started',
  'attempt_ended',
  'cancel_requested',
  'completed',
  'failed',
] as const;
export type LifeEventType = (typeof LIFE_EVENT_TYPES)[number];

/**
 * The data of such an event; the stream's field `event` is its `type`. After `completed` or `failed` nothing follows.
 * `status` and `phase`: the job's from this event on, where the event alone decides them. `code`: why an attempt or the job
 * failed; an `attempt_ended` without one made the result.
 */
export const lifeEventSchema = z.strictObject({
  job_id: jobIdSchema,
  type: z.enum(LIFE_EVENT_TYPES),
  at: z.string(),
  attempt: z.int().optional(),
  code: z.enum(FAILURE_CODES).optional(),
  fault: z.enum(FAULTS).optional(),
  status: z.enum(STATUSES).optional(),
  phase: z.enum(PHASES).optional(),
});
export type LifeEvent = z.infer<typeof lifeEventSchema>;

/** The data of `event: progress`: how far the attempt under way is. It has no id: only the newest is sent, none again. */
export const progressEventSchema = z.strictObject({
  job_id: jobIdSchema,
  type: z.literal('progress'),
  at: z.string(),
  attempt: z.int(),
  fraction: z.number(),
  step: z.string(),
});
export type ProgressEvent = z.infer<typeof progressEventSchema>;

/**
 * The ids of events, for `Last-Event-ID`: `0` for created; 10k + 1, 2, 3 for attempt k claimed, started, ended; `end`
 * for the end. A `c` behind it: the wish to cancel was told, too. A wish may come at any time, so it has no place in the order.
 */
export const lastEventIdSchema = z.string().regex(/^(?:(?:0|[1-9]\d{0,2}[1-3])c?|end)$/);
