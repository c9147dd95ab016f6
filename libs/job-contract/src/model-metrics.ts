import { z } from 'zod';

/** Ids of labels, as in `JobFile`: a model has no more to report on. */
const PROMPTS_MAX = 255;
/** Well above what a volume has slices, or a run has tries. */
const COUNT_MAX = 1_000_000;

export const existenceScoreSchema = z.number().min(0).max(1);

/** How a model ran, in its own words: nobody checks them. */
export const modelRunSchema = z.strictObject({
  /** The axis along which it cut the volume into slices: 0 = z, 1 = y, 2 = x. */
  axis: z.int().min(0).max(2).nullable(),
  /** Slices at a time, at the end: smaller than what was asked for once memory ran out. */
  slice_batch_size: z.int().min(1).max(COUNT_MAX).nullable(),
  /** How often it ran out of memory and went on in smaller batches. */
  out_of_memory_count: z.int().min(0).max(COUNT_MAX).nullable(),
  /** Such as `cpu` or `cuda`. */
  device: z
    .string()
    .regex(/^[a-z][a-z0-9:._-]{0,31}$/)
    .nullable(),
});
export type ModelRun = z.infer<typeof modelRunSchema>;

export const NO_MODEL_RUN: Readonly<ModelRun> = {
  axis: null,
  slice_batch_size: null,
  out_of_memory_count: null,
  device: null,
};

/**
 * `metrics.json`, which a model may write beside its mask, as far as the platform reads it. Every key is optional and
 * others are dropped, so that each model reports what it likes; a key that is here and is not of its kind makes the file
 * unreadable. JSON has no infinity, but `1e999` parses as one: numbers are finite.
 */
export const modelMetricsSchema = z.object({
  prompts: z
    .array(z.object({ id: z.int(), existence_score: existenceScoreSchema.nullish() }))
    .max(PROMPTS_MAX)
    .nullish(),
  /** With the same seed, batch size and class of device the mask is the same. */
  seed: z.int().min(0).nullish(),
  ...modelRunSchema.partial().shape,
});
export type ModelMetrics = z.infer<typeof modelMetricsSchema>;
