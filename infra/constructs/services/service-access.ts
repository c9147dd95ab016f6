import { RETENTION_CLASSES, retentionVariable, type RetentionClass } from '@bpi/job-contract';
import { allow, type Statement } from '../policy.ts';

/** What API and worker share: where jobs are kept and how long, and which pools they run in. */
export type JobPlaces = {
  table: { name: string; arn: string; indexArns: readonly string[] };
  bucket: { name: string; arn: string };
  jobQueue: { url: string; arn: string };
  /** From the end of a job. */
  keptDays: Readonly<Record<RetentionClass, number>>;
  /** The first is where jobs begin; see POOLS in the platform's environment. */
  pools: readonly { name: string; slots: number }[];
  /** CloudWatch's name for the environment's own metrics. */
  metricsNamespace: string;
};

/** The part of the environment that both services take (`platformEnvSchema`). */
export function platformEnvironment(places: JobPlaces, region: string): Record<string, string> {
  return {
    AWS_REGION: region,
    BUCKET: places.bucket.name,
    JOBS_TABLE: places.table.name,
    JOB_QUEUE_URL: places.jobQueue.url,
    METRICS_NAMESPACE: places.metricsNamespace,
    POOLS: places.pools.map(({ name, slots }) => `${name}=${slots}`).join(','),
    ...Object.fromEntries(RETENTION_CLASSES.map((kept) => [retentionVariable(kept), String(places.keptDays[kept])])),
  };
}

/** A transaction of the store is allowed by what it contains: PutItem and UpdateItem, no condition checks, no deletes. */
export function tableAccess({ table }: JobPlaces): Statement[] {
  return [
    allow({
      sid: 'ReadAndWriteJobs',
      actions: [
        'dynamodb:BatchGetItem',
        'dynamodb:GetItem',
        'dynamodb:PutItem',
        'dynamodb:Query',
        'dynamodb:UpdateItem',
      ],
      resources: [table.arn],
    }),
    allow({ sid: 'FindActiveJobs', actions: ['dynamodb:Query'], resources: table.indexArns }),
  ];
}
