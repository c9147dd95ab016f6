import { z } from 'zod';
import { affineSchema, SPACING_ORDERS } from './geometry.ts';
import { jobIdSchema, sha256Schema } from './ids.ts';
import { IMG_DTYPES, paramsSchema } from './model-manifest.ts';
import { existenceScoreSchema, modelRunSchema, NO_MODEL_RUN } from './model-metrics.ts';
import { ignoringUnknown } from './tolerant-reader.ts';

const voxelIndex = z.tuple([z.number(), z.number(), z.number()]);

/**
 * What a viewer needs to draw the mask, and what a reader needs to trust it. Shapes and indices are (z, y, x).
 * Results are kept for years: a field that came later has a default, or is optional.
 */
export const metadataSchema = z.strictObject({
  schema_version: z.literal(1),
  job_id: jobIdSchema,
  model: z.strictObject({
    name: z.string(),
    version: z.string(),
    image_digest: z.string().nullable(),
    /** Of the weights beside the image, as the manifest pins them; null = it pins none. */
    weights_sha256: sha256Schema.nullable().default(null),
  }),
  params: paramsSchema,
  shape: z.tuple([z.int(), z.int(), z.int()]),
  axes: z.literal('zyx'),
  /** (x, y, z), millimetres; null when the client gave neither spacing nor affine. */
  spacing_mm: voxelIndex.nullable(),
  spacing_order: z.enum(SPACING_ORDERS),
  affine: affineSchema.nullable(),
  /** Axis codes such as "RAS", from the affine; "unknown" without one. */
  orientation: z.string(),
  dtype: z.enum(['uint8', 'uint16']),
  labels: z.array(
    z.strictObject({
      id: z.int(),
      name: z.string(),
      prompt: z.string().optional(),
      color: z.string().regex(/^#[0-9a-f]{6}$/),
      voxels: z.int(),
      volume_ml: z.number().nullable(),
      bbox: z.strictObject({ min: voxelIndex, max: voxelIndex }).nullable(),
      centroid: voxelIndex.nullable(),
      /** False = looked for and not found: a result, and not a failure. */
      present: z.boolean(),
      /**
       * How sure the model is that what the prompt names is in the volume at all, 0 to 1; null = the model did not say.
       * Only where there is a prompt.
       */
      existence_score: existenceScoreSchema.nullable().optional(),
    }),
  ),
  instance_label: z.union([z.literal(0), z.literal(1)]),
  instances: z
    .strictObject({ count: z.int(), voxels_min: z.int(), voxels_max: z.int(), voxels_total: z.int() })
    .optional(),
  intensity: z.strictObject({
    received: z.strictObject({ dtype: z.enum(IMG_DTYPES), min: z.number(), max: z.number() }),
    applied: z.enum(['none', 'x255']),
  }),
  /** False for fixed-label models: whatever was asked, the labels are the model's own. */
  prompts_used: z.boolean(),
  /** As the model reported it, else as it was asked for; null = neither said one. */
  seed: z.int().nullable(),
  /** How the model says that it ran; null where it says nothing. */
  model_run: modelRunSchema.default(NO_MODEL_RUN),
  attempt: z.int(),
  timings: z.record(z.string(), z.number()),
  warnings: z.array(z.string()),
});
export type Metadata = z.infer<typeof metadataSchema>;

/** For the API: what it answers has the fields that it documents, and no others. The artifact itself is sent as it is. */
export const storedMetadataSchema = ignoringUnknown(metadataSchema);
