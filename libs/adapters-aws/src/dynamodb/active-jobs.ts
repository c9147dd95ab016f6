import {
  BatchGetItemCommand,
  QueryCommand,
  type DynamoDBClient,
  type KeysAndAttributes,
} from '@aws-sdk/client-dynamodb';
import type { JobRecord } from '@bpi/job-contract';
import { isActive } from '@bpi/jobs';
import { AwsError, throwAwsError } from '../aws-error.ts';
import { attributeNames, projection, text } from './attributes.ts';
import { parseRecord } from './job-item.ts';
import { ACTIVE_SHARDS, activeAtOf, JOB_TABLE, jobIdOfActiveAt, jobIdOfItem, jobKey, type Item } from './job-table.ts';
import { pauseMs, type Pause } from './write-until-known.ts';

/** Items of one BatchGetItem, as DynamoDB allows. */
const BATCH_ITEMS_MAX = 100;
/** Rounds for what a batch left unread (throttling, or more than 16 MB). */
const BATCH_ROUNDS_MAX = 8;
/** Sorts before every `activeAt`; a key must not be empty. */
const BEFORE_ALL = '0';

const { activeIndex } = JOB_TABLE;
/** Is told the id of a job whose record is none of ours, or of a newer release. */
export type OnUnreadable = (jobId: string) => void;

type Table = {
  client: DynamoDBClient;
  tableName: string;
  pause: Pause;
  onUnreadable: OnUnreadable | undefined;
};
type ActivePage = { limit: number; after: string | null };

/**
 * Active jobs behind `after` (an `activeAt`), oldest first. The index says which may be; the consistent records decide.
 * Fewer than `limit` come only if the index names no more: those that are over, or left out as unreadable, do not count.
 */
export async function readActiveJobs(table: Table, page: ActivePage): Promise<JobRecord[]> {
  const jobs: JobRecord[] = [];
  let after = page.after ?? BEFORE_ALL;
  while (jobs.length < page.limit) {
    const wanted = page.limit - jobs.length;
    const named = await oldestInIndex(table, after, wanted);
    const records = await readRecords(table, named.map(jobIdOfActiveAt));
    jobs.push(...records.filter(isActive).sort(byAge));
    const last = named.at(-1);
    if (last === undefined || named.length < wanted) break;
    after = last;
  }
  return jobs;
}

/** The `activeAt` of the oldest jobs of all shards. */
async function oldestInIndex(table: Table, after: string, limit: number): Promise<string[]> {
  const shards = await Promise.all(ACTIVE_SHARDS.map((shard) => oldestOfShard(table, { shard, after, limit })));
  return shards.flat().sort().slice(0, limit);
}

async function oldestOfShard(table: Table, ask: { shard: string; after: string; limit: number }): Promise<string[]> {
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

async function readRecords(table: Table, jobIds: readonly string[]): Promise<JobRecord[]> {
  const records: JobRecord[] = [];
  for (let from = 0; from < jobIds.length; from += BATCH_ITEMS_MAX) {
    const keys = jobIds.slice(from, from + BATCH_ITEMS_MAX).map(jobKey);
    records.push(...(await readBatch(table, { Keys: keys, ConsistentRead: true, ...projection(['pk', 'record']) })));
  }
  return records;
}

async function readBatch(table: Table, batch: KeysAndAttributes): Promise<JobRecord[]> {
  const records: JobRecord[] = [];
  let unread: KeysAndAttributes | undefined = batch;
  for (let round = 1; round <= BATCH_ROUNDS_MAX; round += 1) {
    const command: BatchGetItemCommand = new BatchGetItemCommand({ RequestItems: { [table.tableName]: unread } });
    const answer = await table.client.send(command).catch((error: unknown) => throwAwsError('BatchGetItem', error));
    records.push(...(answer.Responses?.[table.tableName] ?? []).flatMap((item) => readable(table, item)));
    unread = answer.UnprocessedKeys?.[table.tableName];
    if (unread === undefined) return records;
    await table.pause(pauseMs(round));
  }
  throw new AwsError('BatchGetItem', { name: 'ThrottlingException' });
}

/** The record of an item, if it can be read: the others must not wait for one that cannot. */
function readable(table: Table, item: Item): JobRecord[] {
  try {
    return [parseRecord(item)];
  } catch (error) {
    if (table.onUnreadable === undefined) throw error;
    table.onUnreadable(jobIdOfItem(item));
    return [];
  }
}

function byAge(a: JobRecord, b: JobRecord): number {
  return activeAtOf(a) < activeAtOf(b) ? -1 : 1;
}
