import { z } from 'zod';
import { jobIdSchema, sha256Schema } from './ids.ts';
import { ARTIFACT_NAMES } from './keys.ts';
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

/** Text fields of `POST /infer` beside the part `file`. */
export const INFER_FIELDS = ['external_job_id', 'model', 'params', 'geometry'] as const;
export type InferField = (typeof INFER_FIELDS)[number];

export const externalJobIdSchema = z.string().regex(/^[^\p{Cc}\p{Cs}\p{Cn}]{1,128}$/u);
export const idempotencyKeySchema = z.string().regex(/^[\x21-\x7e]{1,128}$/);
