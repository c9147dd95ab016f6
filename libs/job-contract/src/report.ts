import { z } from 'zod';
import { epochSchema, jobIdSchema, sha256Schema } from './ids.ts';
import { ARTIFACT_NAMES } from './keys.ts';
import { FAILURE_CODES } from './outcomes.ts';
import { keepingUnknown } from './tolerant-reader.ts';

/** One stored artifact of an attempt. */
export const manifestEntrySchema = z.strictObject({
  name: z.enum(ARTIFACT_NAMES),
  key: z.string().max(256),
  bytes: z.int().nonnegative(),
  sha256: sha256Schema,
  media_type: z.string().max(64),
});
export type ManifestEntry = z.infer<typeof manifestEntrySchema>;

export const manifestSchema = z.array(manifestEntrySchema).min(1).max(16);
export type Manifest = z.infer<typeof manifestSchema>;

/**
 * `report.json`, the last object an attempt stores: what it stored, or why there is nothing.
 * Its presence means that the stager is done with this epoch; it is written only if absent.
 */
export const reportSchema = z.discriminatedUnion('result', [
  z.strictObject({
    schema_version: z.literal(1),
    job_id: jobIdSchema,
    epoch: epochSchema,
    result: z.literal('stored'),
    manifest: manifestSchema,
  }),
  z.strictObject({
    schema_version: z.literal(1),
    job_id: jobIdSchema,
    epoch: epochSchema,
    result: z.literal('failed'),
    code: z.enum(FAILURE_CODES),
    /** A fixed word of ours (a check's code, an exit class), never text from the model or the client. */
    detail: z.string().regex(/^[a-z0-9_]{1,64}$/),
    exit_code: z.int().nullable(),
  }),
]);
export type AttemptReport = z.infer<typeof reportSchema>;

/** For whoever reads one: its manifest becomes part of the record, whole. */
export const storedReportSchema = keepingUnknown(reportSchema);
