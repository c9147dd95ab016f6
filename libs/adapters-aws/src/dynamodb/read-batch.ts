import { BatchGetItemCommand, type DynamoDBClient, type KeysAndAttributes } from '@aws-sdk/client-dynamodb';
import { AwsError, throwAwsError } from '../aws-error.ts';
import { projection } from './attributes.ts';
import { jobIdOfItem, jobKey, type Item } from './job-table.ts';
import { pauseMs, type Pause } from './write-until-known.ts';

/** Items of one BatchGetItem, as DynamoDB allows. */
const BATCH_ITEMS_MAX = 100;
/** Rounds for what a batch left unread (throttling, or more than 16 MB). */
const BATCH_ROUNDS_MAX = 8;

/** Is told the id of a job whose record is none of ours, or of a newer release. */
export type OnUnreadable = (jobId: string) => void;

export type JobItems = {
  client: DynamoDBClient;
  tableName: string;
  pause: Pause;
  onUnreadable: OnUnreadable | undefined;
};

/** Jobs by their ids, consistently, in no order: what `parse` makes of those that are stored and can be read. */
export async function readJobItems<T>(
  table: JobItems,
  jobIds: readonly string[],
  attributes: readonly string[],
  parse: (item: Item) => T,
): Promise<T[]> {
  const found: T[] = [];
  for (let from = 0; from < jobIds.length; from += BATCH_ITEMS_MAX) {
    const keys = jobIds.slice(from, from + BATCH_ITEMS_MAX).map(jobKey);
    const items = await readBatch(table, { Keys: keys, ConsistentRead: true, ...projection(['pk', ...attributes]) });
    found.push(...items.flatMap((item) => readable(table, item, parse)));
  }
  return found;
}

async function readBatch(table: JobItems, batch: KeysAndAttributes): Promise<Item[]> {
  const items: Item[] = [];
  let unread: KeysAndAttributes | undefined = batch;
  for (let round = 1; round <= BATCH_ROUNDS_MAX; round += 1) {
    const command: BatchGetItemCommand = new BatchGetItemCommand({ RequestItems: { [table.tableName]: unread } });
    const answer = await table.client.send(command).catch((error: unknown) => throwAwsError('BatchGetItem', error));
    items.push(...(answer.Responses?.[table.tableName] ?? []));
    unread = answer.UnprocessedKeys?.[table.tableName];
    if (unread === undefined) return items;
    await table.pause(pauseMs(round));
  }
  throw new AwsError('BatchGetItem', { name: 'ThrottlingException' });
}

/** What is in an item, if it can be read: the others must not wait for one that cannot. */
function readable<T>(table: JobItems, item: Item, parse: (item: Item) => T): T[] {
  try {
    return [parse(item)];
  } catch (error) {
    if (table.onUnreadable === undefined) throw error;
    table.onUnreadable(jobIdOfItem(item));
    return [];
  }
}
