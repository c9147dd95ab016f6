import type { Update } from '@aws-sdk/client-dynamodb';
import type { JobId } from '@bpi/job-contract';
import { attributeNames, numberValue } from './attributes.ts';
import { poolKey, type Item } from './job-table.ts';

/** Slots that one pool may have: its holders are one set in one item, which stays below 64 KB. */
export const POOL_SLOTS_MAX = 1_000;

/** Takes a slot while fewer than `slots` are held. A set that becomes empty is gone, and so is `size` of it. */
export function takeSlot(tableName: string, pool: string, jobId: JobId, slots: number): Update {
  const someLeft = 'size(#holders) < :slots';
  return {
    TableName: tableName,
    Key: poolKey(pool),
    UpdateExpression: 'ADD #holders :job',
    ConditionExpression: slots > 0 ? `attribute_not_exists(#holders) OR ${someLeft}` : someLeft,
    ExpressionAttributeNames: attributeNames(['holders']),
    ExpressionAttributeValues: { ':job': { SS: [jobId] }, ':slots': numberValue(slots) },
  };
}

/** Frees the job's slot. No condition: a job that is not among the holders must be able to end. */
export function freeSlot(tableName: string, pool: string, jobId: JobId): Update {
  return {
    TableName: tableName,
    Key: poolKey(pool),
    UpdateExpression: 'DELETE #holders :job',
    ExpressionAttributeNames: attributeNames(['holders']),
    ExpressionAttributeValues: { ':job': { SS: [jobId] } },
  };
}

/** How many slots are held, by a pool's item or the lack of one. */
export function heldSlots(item: Item | null): number {
  return item?.['holders']?.SS?.length ?? 0;
}
