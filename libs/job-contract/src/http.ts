import { z } from 'zod';
import { jobIdSchema, sha256Schema } from './ids.ts';
import { ARTIFACT_NAMES } from './keys.ts';
import { LIMITS } from './limits.ts';
import { metadataSchema } from './metadata.ts';
import { FAILURE_CODES, FAULTS } from './outcomes.ts';
import { PHASES, STATUSES } from './states.ts';
import { WARNING_CODES } from './warnings.ts';

/* Bodies that the API answers, in snake_case. Errors are in `problems.ts`, routes in `api/routes.ts`. */

/** RFC 3339, UTC. */
const timeSchema = z.string().meta({ format: 'date-time' });

export const submittedSchema = z.strictObject({
  job_id: jobIdSchema,
  status: z.literal('submitted'),
  warnings: z
    .array(z.strictObject({ code: z.enum(WARNING_CODES), message: z.string() }))
    .optional()
    .describe('What a reader of the result should know; the job was accepted all the same.'),
});
export type Submitted = z.infer<typeof submittedSchema>;

export const WAITING_FOR = ['slot', 'retry', 'image', 'input', 'capacity', 'start', 'worker'] as const;
export type WaitingFor = (typeof WAITING_FOR)[number];

export const jobErrorSchema = z.strictObject({
  code: z.enum(FAILURE_CODES),
  fault: z.enum(FAULTS),
  message: z.string().describe('What happened and what to do, the same words each time.'),
});

/** When what is kept of a job that ended is removed; whoever asks after that is answered 410. */
export const expiryBodySchema = z.strictObject({
  input: timeSchema,
  result: timeSchema.optional().describe('Absent: the job has no result.'),
  logs: timeSchema,
  record: timeSchema.describe('From then on the job is gone.'),
});

export const statusBodySchema = z.strictObject({
  job_id: jobIdSchema,
  external_job_id: z.string().optional(),
  model: z.strictObject({ name: z.string(), version: z.string() }).describe('As it was when the job was accepted.'),
  status: z.enum(STATUSES).describe('Never goes back: a job whose retry waits stays running.'),
  phase: z.enum(PHASES).describe('More precise than status; goes back to queued for a retry.'),
  attempt: z.int().describe('Number of the newest attempt; 0 before the first.'),
  progress: z
    .strictObject({ fraction: z.number().min(0).max(1), step: z.string() })
    .optional()
    .describe('As the model reported it.'),
  waiting_for: z.enum(WAITING_FOR).optional().describe('Why the job does not run yet, or not any more.'),
  cancel_requested: z.boolean(),
  ended_attempts: z
    .array(
      z.strictObject({
        attempt: z.int(),
        code: z.enum(FAILURE_CODES).optional().describe('Absent: this attempt made the result.'),
        started_at: timeSchema.optional(),
        ended_at: timeSchema,
      }),
    )
    .optional()
    .describe('Attempts that are over, oldest first; absent while there is none.'),
  created_at: timeSchema,
  started_at: timeSchema.optional(),
  ended_at: timeSchema.optional(),
  expires_at: expiryBodySchema
    .optional()
    .describe('Until when what is kept of the job is kept; from its end on, whatever a deployment sets later.'),
  error: jobErrorSchema.optional().describe('Only when status is failed.'),
});
export type StatusBody = z.infer<typeof statusBodySchema>;

export const resultBodySchema = z.strictObject({
  job_id: jobIdSchema,
  status: z.literal('completed'),
  artifacts: z.array(
    z.strictObject({
      name: z.enum(ARTIFACT_NAMES),
      url: z.string().meta({ format: 'uri-reference' }).describe('On this API; asks for the same key.'),
      bytes: z.int(),
      sha256: sha256Schema,
      media_type: z.string(),
    }),
  ),
  expires_at: timeSchema.describe('From then on the artifacts are gone.'),
  metadata: metadataSchema,
});
export type ResultBody = z.infer<typeof resultBodySchema>;

/** Of `GET /jobs`. */
export const jobListSchema = z.strictObject({
  jobs: z.array(statusBodySchema).max(LIMITS.listPageJobsMax).describe('Newest first.'),
  next_cursor: z
    .string()
    .optional()
    .describe('Leads on to older jobs; absent: there are none. With one, this page may be short or empty.'),
});
export type JobList = z.infer<typeof jobListSchema>;

/** Of `DELETE /jobs/{job_id}`, however often it is asked; from then on whatever is asked about it answers 410. */
export const deletionBodySchema = z.strictObject({ job_id: jobIdSchema, deletion: z.literal('requested') });
export type DeletionBody = z.infer<typeof deletionBodySchema>;

/** Text fields of `POST /infer` beside the part `file`. */
export const INFER_FIELDS = ['external_job_id', 'model', 'params', 'geometry'] as const;
export type InferField = (typeof INFER_FIELDS)[number];

/** Any assigned character but controls. The lengths say to JSON Schema what few of its dialects can say by a pattern. */
export const externalJobIdSchema = z
  .string()
  .regex(/^[^\p{Cc}\p{Cs}\p{Cn}]{1,128}$/u)
  .meta({ minLength: 1, maxLength: LIMITS.externalJobIdCharsMax });
export const idempotencyKeySchema = z.string().regex(/^[\x21-\x7e]{1,128}$/);

export const liveBodySchema = z.strictObject({ status: z.literal('live') });
export const readyBodySchema = z.strictObject({ status: z.literal('ready') });

/** A whole number as a query writes it: decimal digits, no sign. */
function queryNumber(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max));
}

const LIST_PAGE_JOBS = 20;

/** Query of `GET /jobs`. All conditions must hold. */
export const listQuerySchema = z.strictObject({
  status: z.enum(STATUSES).optional(),
  model: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,63}$/)
    .optional()
    .describe('Name of a model, whatever its version.'),
  external_job_id: externalJobIdSchema.optional(),
  limit: queryNumber(1, LIMITS.listPageJobsMax).default(LIST_PAGE_JOBS).describe('Jobs on a page, at most.'),
  cursor: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,128}$/)
    .optional()
    .describe('A next_cursor as it was answered.'),
});
export type ListQuery = z.infer<typeof listQuerySchema>;

/** Query of `GET /status/{job_id}`. */
export const statusQuerySchema = z.strictObject({
  wait: queryNumber(1, LIMITS.statusWaitSecondsMax)
    .optional()
    .describe('For how many seconds the answer may be held until there is something new. Without it: not at all.'),
});
export type StatusQuery = z.infer<typeof statusQuerySchema>;

/** Query of `GET /jobs/{job_id}/logs`. */
export const logsQuerySchema = z.strictObject({
  attempt: queryNumber(1, LIMITS.attemptsMax).optional().describe('Without it: the newest.'),
  tail: queryNumber(1, LIMITS.logTailLinesMax).optional().describe('The last lines only; without it all are sent.'),
});
export type LogsQuery = z.infer<typeof logsQuerySchema>;
