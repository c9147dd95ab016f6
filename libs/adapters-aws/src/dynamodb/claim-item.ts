import type { Put } from '@aws-sdk/client-dynamodb';
import { jobIdSchema, type JobId, type JobRecord } from '@bpi/job-contract';
import type { IdempotencyClaim } from '@bpi/jobs';
import { attributeNames, numberValue, text, wholeNumber } from './attributes.ts';
import { claimKey, JOB_TABLE, type Item } from './job-table.ts';

/**
 * Stores the claim of a new job's key, unless an earlier claim still counts. An ended one is written over, since
 * DynamoDB removes it only some time after `expiresAt`.
 */
export function putClaim(tableName: string, job: JobRecord, claim: IdempotencyClaim): Put {
  return {
    TableName: tableName,
    Item: {
      ...claimKey(claim.keyDigest),
      jobId: { S: job.jobId },
      fingerprint: { S: claim.fingerprint },
      expiresAtMs: numberValue(claim.expiresAtMs),
      [JOB_TABLE.ttlAttribute]: numberValue(Math.ceil(claim.expiresAtMs / 1_000)),
    },
    ConditionExpression: 'attribute_not_exists(pk) OR #expiresAtMs <= :createdAtMs',
    ExpressionAttributeNames: attributeNames(['expiresAtMs']),
    ExpressionAttributeValues: { ':createdAtMs': numberValue(job.createdAtMs) },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  };
}

/** Whether a new job of this time would meet the claim. */
export function claimCounts(item: Item, nowMs: number): boolean {
  return wholeNumber(item, 'expiresAtMs') > nowMs;
}

/** The claim that came first: for which job, and for what payload. */
export function parseClaim(item: Item): { jobId: JobId; fingerprint: string } {
  return { jobId: jobIdSchema.parse(text(item, 'jobId')), fingerprint: text(item, 'fingerprint') };
}
