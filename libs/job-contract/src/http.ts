import { z } from 'zod';
import { jobIdSchema, sha256Schema } from './ids.ts';
import { ARTIFACT_NAMES } from './keys.ts';
import { LIMITS } from './limits.ts';
import { metadataSchema } from './metadata.ts';
import { FAILURE_CODES, FAULTS } from './outcomes.ts';
import { PHASES, STATUSES } from './states.ts';

/** Bodies that the API answers, in snake_case. Errors are in `problems.ts`. */
export const submittedSchema = z.strictObject({
  job_id: jobIdSchema,
  status: z.literal('submitted'),
  warnings: z.array(z.strictObject({ code: z.string(), message: z.string() })).optional(),
});
export type Submitted = z.infer<typeof submittedSchema>;

export const WAITING_FOR = ['slot', 'retry', 'image', 'input', 'capacity', 'start', 'worker'] as const;
export type WaitingFor = (typeof WAITING_FOR)[number];

export const jobErrorSchema = z.strictObject({
  code: z.enum(FAILURE_CODES),
  fault: z.enum(FAULTS),
  message: z.string(),
});

export const statusBodySchema = z.strictObject({
  job_id: jobIdSchema,
  external_job_id: z.string().optional(),
  status: z.enum(STATUSES),
  phase: z.enum(PHASES),
  attempt: z.int(),
  progress: z.strictObject({ fraction: z.number(), step: z.string() }).optional(),
  waiting_for: z.enum(WAITING_FOR).optional(),
  cancel_requested: z.boolean(),
  /** Attempts that are over, oldest first; absent while there is none. No `code`: this one made the result. */
  ended_attempts: z
    .array(
      z.strictObject({
        attempt: z.int(),
        code: z.enum(FAILURE_CODES).optional(),
        started_at: z.string().optional(),
        ended_at: z.string(),
      }),
    )
    .optional(),
  created_at: z.string(),
  started_at: z.string().optional(),
  ended_at: z.string().optional(),
  error: jobErrorSchema.optional(),
});
export type StatusBody = z.infer<typeof statusBodySchema>;

export const resultBodySchema = z.strictObject({
  job_id: jobIdSchema,
  status: z.literal('completed'),
  artifacts: z.array(
    z.strictObject({
      name: z.enum(ARTIFACT_NAMES),
      url: z.string(),
      bytes: z.int(),
      sha256: sha256Schema,
      media_type: z.string(),
    }),
  ),
  metadata: metadataSchema,
});
export type ResultBody = z.infer<typeof resultBodySchema>;

/** Of `GET /jobs`: newest first. No `next_cursor`: there are no older ones. With one, `jobs` may be short or empty. */
export const jobListSchema = z.strictObject({
  jobs: z.array(statusBodySchema).max(LIMITS.listPageJobsMax),
  next_cursor: z.string().optional(),
});
export type JobList = z.infer<typeof jobListSchema>;

/** Of `DELETE /jobs/{job_id}`, however often it is asked; from then on whatever is asked about it answers 410. */
export const deletionBodySchema = z.strictObject({ job_id: jobIdSchema, deletion: z.literal('requested') });
export type DeletionBody = z.infer<typeof deletionBodySchema>;

/** Text fields of `POST /infer` beside the part `file`. */
export const INFER_FIELDS = ['external_job_id', 'model', 'params', 'geometry'] as const;
export type InferField = (typeof INFER_FIELDS)[number];

export const externalJobIdSchema = z.string().regex(/^[^\p{Cc}\p{Cs}\p{Cn}]{1,128}$/u);
export const idempotencyKeySchema = z.string().regex(/^[\x21-\x7e]{1,128}$/);

/** A whole number as a query writes it: decimal digits, no sign. */
function queryNumber(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max));
}

const LIST_PAGE_JOBS = 20;

/** Query of `GET /jobs`. All conditions must hold; `cursor` is a `next_cursor` as it was answered. */
export const listQuerySchema = z.strictObject({
  status: z.enum(STATUSES).optional(),
  model: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,63}$/)
    .optional(),
  external_job_id: externalJobIdSchema.optional(),
  limit: queryNumber(1, LIMITS.listPageJobsMax).default(LIST_PAGE_JOBS),
  cursor: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,128}$/)
    .optional(),
});
export type ListQuery = z.infer<typeof listQuerySchema>;

/** Query of `GET /status/{job_id}`: for how many seconds the answer may be held until there is something new. */
export const statusQuerySchema = z.strictObject({ wait: queryNumber(1, LIMITS.statusWaitSecondsMax).optional() });
export type StatusQuery = z.infer<typeof statusQuerySchema>;

/** Query of `GET /jobs/{job_id}/logs`. No `attempt`: the newest. `tail`: the last lines only; without it all are sent. */
export const logsQuerySchema = z.strictObject({
  attempt: queryNumber(1, LIMITS.attemptsMax).optional(),
  tail: queryNumber(1, LIMITS.logTailLinesMax).optional(),
});
export type LogsQuery = z.infer<typeof logsQuerySchema>;
