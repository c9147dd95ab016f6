import { z } from 'zod';
import { epochSchema, jobIdSchema } from './ids.ts';
import { FAILURE_CODES } from './outcomes.ts';

/**
 * The folder of one attempt on the machine that runs it. The stager and the runner talk through these files only,
 * so either may be killed at any line and started again by whoever finds the folder.
 *
 * ```
 * task.json       what to run; written once, by the launch
 * inputs/         input.npz, params.json            by stage-in, read-only for the model
 * stage-in.json   the verdict of stage-in           written when inputs/ is complete, or cannot be
 * outputs/        what the model writes             untrusted
 * logs.txt        its stdout and stderr, capped     untrusted
 * model-end.json  how the model container ended     by the runner; stage-out reads it
 * stop            somebody wants this attempt to end
 * ```
 */
export const WORK_FILES = {
  task: 'task.json',
  inputs: 'inputs',
  stageIn: 'stage-in.json',
  outputs: 'outputs',
  logs: 'logs.txt',
  modelEnd: 'model-end.json',
  stop: 'stop',
} as const;

/** What to do: read strictly, as `JobFile` is. */
export const taskFileSchema = z.strictObject({
  schema_version: z.literal(1),
  job_id: jobIdSchema,
  epoch: epochSchema.min(1),
  model: z.strictObject({ name: z.string(), version: z.string() }),
  pool: z.string(),
  shrunk: z.boolean(),
  /** The image's own digest, so that the mask can name the exact code it came from. */
  image_digest: z.string().nullable(),
});
export type TaskFile = z.infer<typeof taskFileSchema>;

/* What happened is read from an older or newer program's files without what is not known here: ADR 16. */

const detail = z.string().regex(/^[a-z0-9_]{1,64}$/);

export const stageInVerdictSchema = z.discriminatedUnion('result', [
  z.object({ result: z.literal('ready'), duration_ms: z.int().nonnegative().optional() }),
  z.object({ result: z.literal('failed'), code: z.enum(FAILURE_CODES), detail }),
]);
export type StageInVerdict = z.infer<typeof stageInVerdictSchema>;

export const modelEndSchema = z.object({
  /** `exited`: by itself or by a signal, see the code. The others: why the runner ended it or never started it. */
  cause: z.enum([
    'exited',
    'out_of_memory',
    'output_too_large',
    'image_unavailable',
    'device_unavailable',
    'not_started',
  ]),
  exit_code: z.int().nullable(),
  started_at_ms: z.int().nullable(),
  ended_at_ms: z.int().nullable(),
});
export type ModelEnd = z.infer<typeof modelEndSchema>;
