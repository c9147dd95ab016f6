import { environmentSentences, numberVariable, platformEnvSchema, textVariable } from '@bpi/adapters-aws';
import { keepsRecordLongest, RECORD_MUST_BE } from '@bpi/job-contract';
import { AWS_POLICY, assertPolicy, type JobPolicy } from '@bpi/jobs';
import { z } from 'zod';
import { AWS_FULL_REDELIVER_MS } from './dispatch-loop.ts';

const ms = z.int().nonnegative();

const policySchema = z
  .strictObject({
    launchLeaseMs: ms,
    launchWindowMs: ms,
    taskGoneAfterMs: ms,
    stopEscalationMs: ms,
    taskKeptMs: ms,
    dispatchFailuresMax: z.int().positive(),
    placementTimeoutMs: ms,
    startTimeoutMs: ms,
    setbacksUntilSteady: z.int().nonnegative(),
    steadyBeforeDeadlineMs: ms,
    backoffBaseMs: ms,
    backoffMaxMs: ms,
  })
  .partial();

/** Every revision is named: a family alone would be whatever was registered last. */
const definitionsSchema = z.record(
  z.string().regex(/^[a-z][a-z0-9-]*@\d+\.\d+\.\d+$/),
  z
    .string()
    .max(256)
    .regex(/^arn:[^:]+:ecs:[^:]+:\d{12}:task-definition\/[^:]+:\d+$/),
);

const DEFINITIONS_SENTENCE = 'must be JSON like {"brain-mri@1.0.0":"arn:aws:ecs:…:task-definition/…:3"}';

/** JSON in a variable; what is wrong with it is one sentence, whatever is wrong. */
function json<T>(schema: z.ZodType<T>, sentence: string): z.ZodType<T> {
  return z.string(sentence).transform((text, context) => {
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      context.addIssue({ code: 'custom', message: sentence });
      return z.NEVER;
    }
  });
}

const envSchema = platformEnvSchema
  .extend({
    CLUSTER: textVariable(/^arn:[^:]+:ecs:[^:]+:\d{12}:cluster\/.+$/, 'must be the ARN of the ECS cluster'),
    TASK_EVENTS_QUEUE_URL: z.url('must be the URL of the task-events queue'),
    /** `model@version` → ARN of a task definition's revision. */
    TASK_DEFINITIONS: json(definitionsSchema, DEFINITIONS_SENTENCE),
    /** Times and budgets that differ from AWS_POLICY. */
    POLICY: json(
      policySchema,
      'must be JSON with times of the job policy, such as {"placementTimeoutMs":600000}',
    ).optional(),
    HEALTH_PORT: numberVariable(0, 65_535).default(8081),
    SWEEP_INTERVAL_MS: numberVariable(100, 3_600_000).default(15_000),
    /** A job in flight that no event told of is looked at this often; the sweep looks too. */
    LOOK_AGAIN_MS: numberVariable(100, 3_600_000).default(60_000),
    /** How long the message of a job rests that waits for a slot (the worker remembers it meanwhile). */
    FULL_REDELIVER_MS: numberVariable(1_000, 12 * 3_600_000).default(AWS_FULL_REDELIVER_MS),
    /** How long a wake-up may take to claim and launch before another worker gets it. */
    DISPATCH_VISIBILITY_MS: numberVariable(1_000, 600_000).default(90_000),
  })
  .refine(keepsRecordLongest, { path: ['RETENTION_RECORD_DAYS'], message: RECORD_MUST_BE });

/** Every variable that is read; the infrastructure sets these and no others. */
export const AWS_VARIABLES: readonly string[] = Object.keys(envSchema.shape);

export type AwsWorkerConfig = Omit<z.infer<typeof envSchema>, 'POLICY'> & { policy: JobPolicy };

/** Throws one Error with a sentence per variable that is missing or wrong. An empty variable counts as absent. */
export function parseAwsConfig(env: Readonly<Record<string, string | undefined>>): AwsWorkerConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = envSchema.safeParse(given);
  if (!parsed.success) throw new Error(environmentSentences(parsed.error));
  const { POLICY, ...rest } = parsed.data;
  const [first, steadier] = rest.POOLS.map(([name]) => name);
  const steadyPools = first === undefined || steadier === undefined ? {} : { [first]: steadier };
  const changes = Object.fromEntries(Object.entries(POLICY ?? {}).filter(([, value]) => value !== undefined));
  const policy: JobPolicy = { ...AWS_POLICY, ...changes, steadyPools };
  assertPolicy(policy);
  return { ...rest, policy };
}
