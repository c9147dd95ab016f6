import { QueryCommand } from '@aws-sdk/client-dynamodb';
import type { JobRecord } from '@bpi/job-contract';
import { isActive } from '@bpi/jobs';
import { throwAwsError } from '../aws-error.ts';
import { attributeNames, text } from './attributes.ts';
import { parseRecord } from './job-item.ts';
import { ACTIVE_SHARDS, activeAtOf, JOB_TABLE, jobIdOfActiveAt, type Item } from './job-table.ts';
import { readJobItems, type JobItems } from './read-batch.ts';

/** Sorts before every `activeAt`; a key must not be empty. */
const BEFORE_ALL = '0';

const { activeIndex } = JOB_TABLE;
type ActivePage = { limit: number; after: string | null };

/**
 * Active jobs behind `after` (an `activeAt`), oldest first. The index says which may be; the consistent records decide.
 * Fewer than `limit` come only if the index names no more: those that are over, or left out as unreadable, do not count.
 */
export async function readActiveJobs(table: JobItems, page: ActivePage): Promise<JobRecord[]> {
  const jobs: JobRecord[] = [];
  let after = page.after ?? BEFORE_ALL;
  while (jobs.length < page.limit) {
    const wanted = page.limit - jobs.length;
    const named = await oldestInIndex(table, after, wanted);
    const records = await readJobItems(table, named.map(jobIdOfActiveAt), ['record'], parseRecord);
    jobs.push(...records.filter(isActive).sort(byAge));
    const last = named.at(-1);
    if (last === undefined || named.length < wanted) break;
    after = last;
  }
  return jobs;
}

/** The `activeAt` of the oldest jobs of all shards. */
async function oldestInIndex(table: JobItems, after: string, limit: number): Promise<string[]> {
  const shards = await Promise.all(ACTIVE_SHARDS.map((shard) => oldestOfShard(table, { shard, after, limit })));
  return shards.flat().sort().slice(0, limit);
}

async function oldestOfShard(table: JobItems, ask: { shard: string; after: string; limit: number }): Promise<string[]> {
  const found: string[] = [];
  let start: Item | undefined;
  do {
    const query = new QueryCommand({
      TableName: table.tableName,
      IndexName: activeIndex.name,
      KeyConditionExpression: '#activeShard = :shard AND #activeAt > :after',
      ExpressionAttributeNames: attributeNames([activeIndex.partitionKey, activeIndex.sortKey]),
      ExpressionAttributeValues: { ':shard': { S: ask.shard }, ':after': { S: ask.after } },
      Limit: ask.limit - found.length,
      ExclusiveStartKey: start,
    });
    const answer = await table.client.send(query).catch((error: unknown) => throwAwsError('Query', error));
    found.push(...(answer.Items ?? []).map((item) => text(item, activeIndex.sortKey)));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined && found.length < ask.limit);
  return found;
}

function byAge(a: JobRecord, b: JobRecord): number {
  return activeAtOf(a) < activeAtOf(b) ? -1 : 1;
}
