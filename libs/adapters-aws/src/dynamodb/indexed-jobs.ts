import { QueryCommand } from '@aws-sdk/client-dynamodb';
import type { JobRecord } from '@bpi/job-contract';
import { throwAwsError } from '../aws-error.ts';
import { attributeNames, text } from './attributes.ts';
import { parseRecord } from './job-item.ts';
import { BEFORE_ALL, JOB_TABLE, jobIdOfSort, type Item } from './job-table.ts';
import { readJobItems, type JobItems } from './read-batch.ts';

const { activeIndex } = JOB_TABLE;

/** A part of the index: some of its shards, sort keys behind `after` (null = from the first) and not behind `until`. */
export type IndexRange = { shards: readonly string[]; after: string | null; until: string };

/**
 * Jobs that the index names, in the order of their sort keys. `choose` leaves out records that the index, which follows
 * the table within moments, names wrongly, and sorts the others. Fewer than `limit` come only if the index names no
 * more: what was left out, or cannot be read, does not count.
 */
export async function readIndexedJobs(
  table: JobItems,
  range: IndexRange,
  limit: number,
  choose: (records: JobRecord[]) => JobRecord[],
): Promise<JobRecord[]> {
  const jobs: JobRecord[] = [];
  let { after } = range;
  // A clock that was set back may ask for less than was seen already, which DynamoDB calls an error.
  if (after !== null && after > range.until) return jobs;
  while (jobs.length < limit) {
    const wanted = limit - jobs.length;
    const named = await firstOfAll(table, { ...range, after }, wanted);
    jobs.push(...choose(await readJobItems(table, named.map(jobIdOfSort), ['record'], parseRecord)));
    const last = named.at(-1);
    if (last === undefined || named.length < wanted) break;
    after = last;
  }
  return jobs;
}

async function firstOfAll(table: JobItems, range: IndexRange, limit: number): Promise<string[]> {
  const shards = await Promise.all(range.shards.map((shard) => firstOfShard(table, { ...range, shard, limit })));
  return shards.flat().sort().slice(0, limit);
}

async function firstOfShard(
  table: JobItems,
  ask: { shard: string; after: string | null; until: string; limit: number },
): Promise<string[]> {
  const found: string[] = [];
  let start: Item | undefined;
  do {
    const query = new QueryCommand({
      TableName: table.tableName,
      IndexName: activeIndex.name,
      KeyConditionExpression: '#activeShard = :shard AND #activeAt BETWEEN :from AND :until',
      ExpressionAttributeNames: attributeNames([activeIndex.partitionKey, activeIndex.sortKey]),
      ExpressionAttributeValues: {
        ':shard': { S: ask.shard },
        ':from': { S: ask.after === null ? BEFORE_ALL : `${ask.after}${JUST_BEHIND}` },
        ':until': { S: ask.until },
      },
      Limit: ask.limit - found.length,
      ExclusiveStartKey: start,
    });
    const answer = await table.client.send(query).catch((error: unknown) => throwAwsError('Query', error));
    found.push(...(answer.Items ?? []).map((item) => text(item, activeIndex.sortKey)));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined && found.length < ask.limit);
  return found;
}

/** Nothing sorts between a key and the same with this, for no key is longer. */
const JUST_BEHIND = '!';
