import { METRICS_NAMESPACE, retentionVariables } from '@bpi/job-contract';
import { z } from 'zod';

/** A text variable. The sentence says what it must be, whatever is wrong with it. */
export function textVariable(pattern: RegExp, mustBe: string): z.ZodString {
  return z.string(mustBe).regex(pattern, mustBe);
}

/** A whole number within a range. */
export function numberVariable(min: number, max: number): z.ZodCoercedNumber {
  const mustBe = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number(mustBe).int(mustBe).min(min, mustBe).max(max, mustBe);
}

const POOLS_MUST_BE = 'must be pools like gpu-spot=2,gpu-on-demand=1';

const poolsSchema = z.string(POOLS_MUST_BE).transform((text, context) => {
  const entries = text.split(',').map((part) => /^([a-z][a-z0-9-]{0,63})=([1-9]\d{0,3})$/.exec(part));
  const pools: [string, number][] = [];
  for (const entry of entries) {
    if (entry?.[1] === undefined || pools.some(([name]) => name === entry[1])) {
      context.addIssue({ code: 'custom', message: POOLS_MUST_BE });
      return z.NEVER;
    }
    pools.push([entry[1], Number(entry[2])]);
  }
  return pools;
});

/**
 * What API and worker must be told about their environment. Nothing that leads to jobs has a default: a service that
 * guesses would work on another environment's. Endpoints and credentials are the SDK's own business.
 */
export const platformEnvSchema = z.object({
  AWS_REGION: textVariable(/^[a-z0-9-]{1,32}$/, 'must be a region such as eu-central-1'),
  JOBS_TABLE: textVariable(/^[A-Za-z0-9_.-]{3,255}$/, 'must be the name of the DynamoDB table'),
  JOB_QUEUE_URL: z.url('must be the URL of an SQS queue'),
  BUCKET: textVariable(/^[a-z0-9.-]{3,63}$/, 'must be the name of the job bucket'),
  /**
   * Capacity providers with their slots. The first is where jobs begin; the second, if there is one, is the steadier
   * one (On-Demand) that a job moves to after interruptions.
   */
  POOLS: poolsSchema,
  /** CloudWatch's name for the metrics of this environment, for an account that has several. */
  METRICS_NAMESPACE: textVariable(
    /^[A-Za-z0-9./_-]{1,255}$/,
    'must be a namespace such as BiomedParseInference/dev',
  ).default(METRICS_NAMESPACE),
  /** How long things are kept: what the API promises, and the worker and the bucket hold. */
  ...retentionVariables(),
});

/** One sentence per variable that is missing or wrong; values are never repeated. */
export function environmentSentences(error: z.ZodError): string {
  const sentences = error.issues.map(({ path, message }) => `${path.join('.')} ${message}.`);
  return [...new Set(sentences)].join('\n');
}
