import { z } from 'zod';

/**
 * What API and worker must be told about their environment. Nothing here has a default: a service that guesses would
 * work on another environment's jobs. Endpoints and credentials are the SDK's own business.
 */
const poolsSchema = z.string().transform((text, context) => {
  const entries = text.split(',').map((part) => /^([a-z][a-z0-9-]{0,63})=(\d{1,4})$/.exec(part));
  const pools: [string, number][] = [];
  for (const entry of entries) {
    if (entry?.[1] === undefined || pools.some(([name]) => name === entry[1])) {
      context.addIssue({ code: 'custom', message: 'must be pools like gpu-spot=2,gpu-on-demand=1' });
      return z.NEVER;
    }
    pools.push([entry[1], Number(entry[2])]);
  }
  return pools;
});

const queueUrl = z.url('must be the URL of an SQS queue');

export const platformEnvSchema = z.object({
  AWS_REGION: z.string('must be a region such as eu-central-1').regex(/^[a-z0-9-]{1,32}$/),
  JOBS_TABLE: z.string('must be the name of the DynamoDB table').regex(/^[A-Za-z0-9_.-]{3,255}$/),
  JOB_QUEUE_URL: queueUrl,
  BUCKET: z.string('must be the name of the job bucket').regex(/^[a-z0-9.-]{3,63}$/),
  /**
   * Capacity providers with their slots. The first is where jobs begin; the second, if there is one, is the steadier
   * one (On-Demand) that a job moves to after interruptions.
   */
  POOLS: z.string('must be pools like gpu-spot=2,gpu-on-demand=1').pipe(poolsSchema),
});

/** One sentence per variable that is missing or wrong; values are never repeated. */
export function environmentSentences(error: z.ZodError): string {
  const sentences = error.issues.map(({ path, message }) => `${path.join('.')} ${message}.`);
  return [...new Set(sentences)].join('\n');
}
