import { jobIdSchema, MODEL_ENV, modelManifestSchema } from '@bpi/job-contract';
import { z } from 'zod';

/**
 * Names of the environment variables of stage-in and stage-out. `overridden` come with each launch, `fixed` with the
 * task's definition, `given` by ECS itself. No secrets among them: credentials come from the task's role.
 */
export const STAGER_ENV = {
  overridden: {
    jobId: MODEL_ENV.jobId,
    attempt: MODEL_ENV.attempt,
    /** `yes` or `no`: run with the model's smaller settings. */
    shrunk: 'JOB_SHRUNK',
    pool: 'JOB_POOL',
  },
  fixed: {
    /** The whole `model.json`, as JSON: a task carries its own. */
    manifest: 'MODEL_MANIFEST',
    /** `sha256:…` of the model's image. */
    imageDigest: 'MODEL_IMAGE_DIGEST',
    bucket: 'BUCKET',
    taskEventsQueueUrl: 'TASK_EVENTS_QUEUE_URL',
    /** Stage-out gives up a model that did not start so long after stage-in's verdict, in milliseconds. */
    startDeadlineMs: 'START_DEADLINE_MS',
    /** What the model may leave in its output folder. */
    outputBytesMax: 'OUTPUT_BYTES_MAX',
    region: 'AWS_REGION',
  },
  given: {
    /** The task metadata endpoint, version 4: stage-out learns from it how the model goes. */
    metadataUri: 'ECS_CONTAINER_METADATA_URI_V4',
  },
} as const;

const { overridden, fixed, given } = STAGER_ENV;

const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number);

const manifestJson = z.string().transform((text, context) => {
  try {
    return modelManifestSchema.parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: 'custom', message: 'must be a model.json: register the task definition again' });
    return z.NEVER;
  }
});

/** What the stager's main makes of its environment. Other variables are ignored. */
export const stagerEnvSchema = z
  .object({
    [overridden.jobId]: jobIdSchema,
    [overridden.attempt]: wholeNumber.pipe(z.int().min(1).max(1_000)),
    [overridden.shrunk]: z.enum(['yes', 'no']),
    [overridden.pool]: z.string().min(1).max(64),
    [fixed.manifest]: manifestJson,
    [fixed.imageDigest]: z.string().regex(/^sha256:[0-9a-f]{64}$/),
    [fixed.bucket]: z.string().min(3).max(63),
    [fixed.taskEventsQueueUrl]: z.url(),
    [fixed.startDeadlineMs]: wholeNumber.pipe(z.int().min(1)),
    [fixed.outputBytesMax]: wholeNumber.pipe(z.int().min(1)),
    [fixed.region]: z.string().regex(/^[a-z0-9-]{1,32}$/),
    [given.metadataUri]: z.url(),
  })
  .transform((env) => ({
    jobId: env[overridden.jobId],
    epoch: env[overridden.attempt],
    shrunk: env[overridden.shrunk] === 'yes',
    pool: env[overridden.pool],
    manifest: env[fixed.manifest],
    imageDigest: env[fixed.imageDigest],
    bucket: env[fixed.bucket],
    taskEventsQueueUrl: env[fixed.taskEventsQueueUrl],
    startDeadlineMs: env[fixed.startDeadlineMs],
    outputBytesMax: env[fixed.outputBytesMax],
    region: env[fixed.region],
    metadataUri: env[given.metadataUri],
  }));
export type StagerEnv = z.infer<typeof stagerEnvSchema>;
