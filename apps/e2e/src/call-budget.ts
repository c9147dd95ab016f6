/** What one job may ask of AWS, and what that costs. docs/costs.md shows the table that is made here. */

/** USD in us-east-1 by AWS's public price pages, November 2026: DynamoDB on demand, S3 Standard, SQS standard. */
const PRICES = {
  writeUnit: 0.625 / 1e6,
  readUnit: 0.125 / 1e6,
  s3Write: 0.005 / 1e3,
  s3Read: 0.0004 / 1e3,
  sqsRequest: 0.4 / 1e6,
} as const;

/** Of a job's item at its end, with one attempt. A write costs one unit per KiB. */
export const JOB_ITEM_BYTES_MAX = 4 * 1024;

const jobItemUnits = JOB_ITEM_BYTES_MAX / 1024;
/**
 * A transaction costs twice what its items do: the job, and at most two of at most 1 KiB (a claim and what lists the job for
 * its client, or a pool); each of the two indexes once more.
 */
const TRANSACTION_UNITS = 2 * (jobItemUnits + 2) + 2;

type Line = { max: number; usd: number; why: string };

/**
 * By operation, for one job with one attempt whose caller asks once for status and result and downloads every artifact.
 * Some counts depend on how events arrive; `max` is for the busiest way.
 */
export const CALLS_PER_JOB: Readonly<Record<string, Line>> = {
  'dynamodb:GetItem': { max: 34, usd: PRICES.readUnit, why: 'a look at the record for each request and each event' },
  'dynamodb:PutItem': { max: 6, usd: PRICES.writeUnit, why: 'the audit trail: one event per request' },
  'dynamodb:Query': { max: 1, usd: PRICES.readUnit / 2, why: 'how many jobs the client has queued, if they are few' },
  'dynamodb:TransactWriteItems': {
    max: 3,
    usd: TRANSACTION_UNITS * PRICES.writeUnit,
    why: 'create with its key and its place in the list, claim with its slot, publish with its slot',
  },
  'dynamodb:UpdateItem': { max: 6, usd: jobItemUnits * PRICES.writeUnit, why: 'task seen, started, progress' },
  'ecs:DescribeTasks': { max: 14, usd: 0, why: 'a look at the task for each of its events' },
  'ecs:RunTask': { max: 1, usd: 0, why: 'the task' },
  's3:CopyObject': { max: 4, usd: PRICES.s3Write, why: 'the artifacts’ published places' },
  's3:GetObject': { max: 9, usd: PRICES.s3Read, why: 'input, report, metadata, downloads' },
  's3:HeadObject': { max: 1, usd: PRICES.s3Read, why: 'a look whether a report lies there' },
  's3:PutObject': { max: 8, usd: PRICES.s3Write, why: 'input, job file, artifacts, log, report' },
  'sqs:DeleteMessage': { max: 20, usd: PRICES.sqsRequest, why: 'each message that was received' },
  'sqs:ReceiveMessage': { max: 20, usd: PRICES.sqsRequest, why: 'polls that brought something' },
  'sqs:SendMessage': { max: 4, usd: PRICES.sqsRequest, why: 'wake-up and progress' },
};

export const usdPer1000Jobs = 1_000 * Object.values(CALLS_PER_JOB).reduce((sum, { max, usd }) => sum + max * usd, 0);

/** The table of docs/costs.md, in Markdown. */
export function budgetTable(): string {
  const lines = Object.entries(CALLS_PER_JOB).map(
    ([operation, { max, usd, why }]) => `| \`${operation}\` | ${max} | ${(1_000 * max * usd).toFixed(4)} | ${why} |`,
  );
  return [
    '| call | at most per job | USD per 1,000 jobs | for |',
    '|---|---|---|---|',
    ...lines,
    `| all | | **${usdPer1000Jobs.toFixed(2)}** | |`,
  ].join('\n');
}
