import { environmentSentences, numberVariable, platformEnvSchema } from '@bpi/adapters-aws';
import { keepsRecordLongest, LIMITS, RECORD_MUST_BE } from '@bpi/job-contract';
import { z } from 'zod';
import { ConfigError } from './config.ts';
import { limitVariables } from './limits/limit-variables.ts';
import { DEFAULT_SETTINGS } from './settings.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

const envSchema = platformEnvSchema
  .extend({
    HOST: z.string().default('0.0.0.0'),
    PORT: numberVariable(0, 65_535).default(8080),
    /** Uploads and their checked copies lie here until they are stored; nothing else may use it. */
    SCRATCH_DIR: z.string('must be a folder for uploads under way').min(1),
    MODELS_DIRS: z.string().min(1).default('./models'),
    DEFAULT_MODEL: z.string().optional(),
    UPLOAD_BYTES_MAX: numberVariable(1024, LIMITS.uploadBytesMax).default(LIMITS.uploadBytesMax),
    ...limitVariables((_name, mustBe) => mustBe),
    /** Port of `/metrics`; 0 = none: CloudWatch has the figures. */
    METRICS_PORT: numberVariable(0, 65_535).default(0),
    METRICS_HOST: z.string().default('127.0.0.1'),
    /** Jobs that must start within the worker's `steadyBeforeDeadlineMs` (2 h) begin in the steadier, dearer pool. */
    START_DEADLINE_MS: numberVariable(1, 30 * DAY_MS).default(DEFAULT_SETTINGS.startDeadlineMs),
    /**
     * Where nobody tells the callers beforehand that this process is about to go (Cloud Map behind API Gateway), it goes on
     * answering for so long after SIGTERM; a load balancer does that by itself.
     */
    LISTEN_AFTER_STOP_MS: numberVariable(0, 60_000).default(0),
    TOTAL_DEADLINE_MS: numberVariable(1, 30 * DAY_MS).default(DEFAULT_SETTINGS.totalDeadlineMs),
  })
  .refine(({ START_DEADLINE_MS, TOTAL_DEADLINE_MS }) => START_DEADLINE_MS <= TOTAL_DEADLINE_MS, {
    path: ['START_DEADLINE_MS'],
    message: 'must not be longer than TOTAL_DEADLINE_MS',
  })
  .refine(keepsRecordLongest, { path: ['RETENTION_RECORD_DAYS'], message: RECORD_MUST_BE });

export type AwsConfig = z.infer<typeof envSchema>;

/** Every variable that is read; the infrastructure sets these and no others. */
export const AWS_VARIABLES: readonly string[] = Object.keys(envSchema.shape);

/** The API's environment on AWS. An empty variable counts as absent. @throws ConfigError, one sentence per variable. */
export function parseAwsConfig(env: Readonly<Record<string, string | undefined>>): AwsConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = envSchema.safeParse(given);
  if (!parsed.success) throw new ConfigError(environmentSentences(parsed.error));
  return parsed.data;
}
