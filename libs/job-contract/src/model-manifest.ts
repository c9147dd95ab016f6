import { z } from 'zod';
import { sha256Schema } from './ids.ts';
import { LIMITS } from './limits.ts';

/**
 * `model.json`: what a model image declares about itself. One folder under `apps/models/` holds one.
 * The catalogue is the set of them; the API, the worker and the stager read the same file.
 */
export const IMG_DTYPES = ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'float32', 'float64'] as const;

const paramSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('enum'),
    values: z.array(z.string().min(1).max(64)).min(1).max(64),
    default: z.string(),
    description: z.string().max(500).optional(),
  }),
  z.strictObject({
    type: z.enum(['integer', 'number']),
    min: z.number(),
    max: z.number(),
    default: z.number(),
    description: z.string().max(500).optional(),
  }),
  z.strictObject({ type: z.literal('boolean'), default: z.boolean(), description: z.string().max(500).optional() }),
]);
export type ParamDeclaration = z.infer<typeof paramSchema>;

export const paramValueSchema = z.union([z.string().max(64), z.number(), z.boolean()]);
export const paramsSchema = z.record(z.string().max(64), paramValueSchema);
/** Values of a job's params after defaults: a flat object, written to the model's `params.json` as it is. */
export type Params = z.infer<typeof paramsSchema>;

const weightsSchema = z.strictObject({
  file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be a plain file name'),
  /** Null = not pinned yet: the model ends with exit 12 until somebody who has the file writes its digest here. */
  sha256: sha256Schema.nullable(),
});
/** The file that a model's image does not hold, and what it must hash to: lower-case hexadecimal digits. */
export type ModelWeights = z.infer<typeof weightsSchema>;

/** Prompts that are known to mean something to the model, for one kind of image, such as `CT`. */
const promptExamplesSchema = z.strictObject({
  modality: z.string().min(1).max(64),
  prompts: z.array(z.string().min(1).max(200)).min(1).max(LIMITS.promptCountMax),
});

export const modelManifestSchema = z.strictObject({
  schema_version: z.literal(1),
  name: z.string().regex(/^[a-z][a-z0-9-]{0,47}$/, 'must be lower-case letters, digits and dashes'),
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'must be a version like 1.0.0'),
  title: z.string().min(1).max(200),
  description: z.string().min(1).max(2_000),
  licence: z.string().min(1).max(500),
  intended_use: z.string().min(1).max(1_000),
  /** What was run with the real weights and what was not, and how good it was: honest limits, shown to clients. */
  evidence: z.string().min(1).max(1_000),
  /** Repository and tag the local composition builds; production pins a digest instead. */
  image: z.string().regex(/^[a-z0-9][a-z0-9._/-]*:[A-Za-z0-9._-]+$/, 'must be repository:tag'),
  input: z.strictObject({
    formats: z.array(z.literal('npz')).min(1),
    dtypes: z.array(z.enum(IMG_DTYPES)).min(1),
    intensity: z.strictObject({ min: z.number(), max: z.number(), distinct_min: z.int().min(1).max(256) }),
  }),
  prompts: z.enum(['required', 'optional']),
  /** By modality; for people who write prompts, and checked against nothing. */
  prompt_examples: z.array(promptExamplesSchema).max(16).default([]),
  /** A fixed-label model names its labels here and ignores prompts; a prompted model says null. */
  fixed_labels: z
    .array(z.strictObject({ id: z.int().min(1).max(255), name: z.string().min(1).max(100) }))
    .min(1)
    .nullable(),
  /** Null = they are in the image, or it has none. The platform mounts the file; the image checks its digest. */
  weights: weightsSchema.nullable().default(null),
  params: z.record(z.string().regex(/^[a-z][a-z0-9_]{0,31}$/), paramSchema),
  progress_steps: z
    .array(z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/))
    .min(1)
    .max(32),
  resources: z.strictObject({
    gpu: z.enum(['none', 'optional', 'required']),
    gpu_memory_mib: z.int().min(0),
    memory_mib: z.int().min(16),
    cpus: z.number().positive().max(64),
    shm_mib: z.int().min(1),
    pids: z.int().min(4).max(4_096),
    tmp_mib: z.int().min(1),
  }),
  attempt_timeout_s: z.int().min(1).max(86_400),
  /** Params to lay over the job's own for the one retry after running out of memory; null = no such retry. */
  smaller_settings: paramsSchema.nullable(),
  golden: z.strictObject({ input: z.string(), params: paramsSchema, dice_min: z.number().min(0).max(1) }).nullable(),
});
export type ModelManifest = z.infer<typeof modelManifestSchema>;

function schemaOfParam(declared: ParamDeclaration): z.ZodType<string | number | boolean> {
  switch (declared.type) {
    case 'enum':
      return z.enum(declared.values as [string, ...string[]]).default(declared.default); // the schema above asks for one value at least
    case 'integer':
      return z.int().min(declared.min).max(declared.max).default(declared.default);
    case 'number':
      return z.number().min(declared.min).max(declared.max).default(declared.default);
    case 'boolean':
      return z.boolean().default(declared.default);
  }
}

/** A closed schema for a job's params: unknown names are refused, missing ones take their default. */
export function paramsSchemaOf(manifest: ModelManifest): z.ZodType<Params> {
  return z.strictObject(
    Object.fromEntries(Object.entries(manifest.params).map(([name, declared]) => [name, schemaOfParam(declared)])),
  );
}
