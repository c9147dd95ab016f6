import { z } from 'zod';
import { affineSchema, SPACING_ORDERS } from './geometry.ts';
import { jobIdSchema, sha256Schema } from './ids.ts';
import { IMG_DTYPES, paramsSchema } from './model-manifest.ts';

/**
 * `input/job.json`: all an attempt needs to know about what was asked, stored before the record.
 * It may hold the client's prompts; the record, the queue and the logs may not.
 * Read strictly, by older stagers too: a mask made without some of what was asked for would look right (ADR 16).
 */
export const jobFileSchema = z.strictObject({
  schema_version: z.literal(1),
  job_id: jobIdSchema,
  model: z.strictObject({ name: z.string(), version: z.string() }),
  params: paramsSchema,
  input: z.strictObject({
    bytes: z.int().positive(),
    sha256: sha256Schema,
    /** (depth, height, width) = (z, y, x), voxels. */
    shape: z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]),
    dtype: z.enum(IMG_DTYPES),
  }),
  /** Millimetres, (x, y, z), whatever order the client sent; null = the client gave none. */
  spacing_mm: z.tuple([z.number(), z.number(), z.number()]).nullable(),
  spacing_order: z.enum(SPACING_ORDERS),
  affine: affineSchema.nullable(),
  prompts: z
    .strictObject({
      labels: z.array(z.strictObject({ id: z.int().min(1).max(255), prompt: z.string() })).min(1),
      instance_label: z.union([z.literal(0), z.literal(1)]),
    })
    .nullable(),
  intensity: z.strictObject({
    received: z.strictObject({ dtype: z.enum(IMG_DTYPES), min: z.number(), max: z.number() }),
    applied: z.enum(['none', 'x255']),
  }),
  warnings: z.array(z.string()).max(16),
  created_at: z.string(),
});
export type JobFile = z.infer<typeof jobFileSchema>;
