import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { throwAwsError } from '../aws-error.ts';
import { attributeNames } from './attributes.ts';
import { JOB_TABLE, type Item } from './job-table.ts';
import type { JobItems } from './read-batch.ts';

const { queuedIndex } = JOB_TABLE;

/** Jobs of a client in the index of the queued ones, at most `atMost`: half a read unit for each 4 KB of keys, about 30 jobs. */
export async function countQueuedJobs(
  table: Pick<JobItems, 'client' | 'tableName'>,
  ask: { clientId: string; atMost: number },
): Promise<number> {
  let count = 0;
  let start: Item | undefined;
  do {
    const query = new QueryCommand({
      TableName: table.tableName,
      IndexName: queuedIndex.name,
      Select: 'COUNT',
      KeyConditionExpression: `#${queuedIndex.partitionKey} = :client`,
      ExpressionAttributeNames: attributeNames([queuedIndex.partitionKey]),
      ExpressionAttributeValues: { ':client': { S: ask.clientId } },
      Limit: ask.atMost - count,
      ExclusiveStartKey: start,
    });
    const answer = await table.client.send(query).catch((error: unknown) => throwAwsError('Query', error));
    count += answer.Count ?? 0;
    start = answer.LastEvaluatedKey;
  } while (start !== undefined && count < ask.atMost);
  return count;
}
