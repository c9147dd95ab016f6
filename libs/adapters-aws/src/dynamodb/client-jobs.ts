import { QueryCommand, type Put } from '@aws-sdk/client-dynamodb';
import type { JobRecord } from '@bpi/job-contract';
import { fillPage, type Candidate, type JobPage, type JobPosition, type ListAsk } from '@bpi/jobs';
import { throwAwsError } from '../aws-error.ts';
import { attributeNames, text } from './attributes.ts';
import { parseStoredJob, STORED_JOB_ATTRIBUTES } from './job-item.ts';
import { clientJobKey, clientJobSort, clientPartition, JOB_TABLE, jobOfClientSort, type Item } from './job-table.ts';
import { readJobItems, type JobItems } from './read-batch.ts';

/**
 * Notes that a client has this job. Written with the job and never again, and there is nothing in it but the key: what may
 * change, and what the client wrote, is in the job's own item. No condition: the job's decides for both.
 */
export function putClientJob(tableName: string, job: JobRecord): Put {
  return { TableName: tableName, Item: clientJobKey(job) };
}

/** One page of a client's jobs, newest first: which there are says its partition, and their items say the rest. */
export async function readClientJobs(table: JobItems, ask: ListAsk): Promise<JobPage> {
  return fillPage(ask, async (before, count): Promise<Candidate[]> => {
    const named = await olderInPartition(table, ask.clientId, before, count);
    const ids = named.map(({ jobId }) => jobId);
    const stored = await readJobItems(table, ids, STORED_JOB_ATTRIBUTES, parseStoredJob);
    const byId = new Map(stored.map((one) => [one.job.jobId, one]));
    return named.map((at) => ({ at, stored: byId.get(at.jobId) ?? null }));
  });
}

async function olderInPartition(
  table: JobItems,
  clientId: string,
  before: JobPosition | null,
  count: number,
): Promise<JobPosition[]> {
  const { partitionKey, sortKey } = JOB_TABLE;
  const found: JobPosition[] = [];
  let start: Item | undefined;
  do {
    const query = new QueryCommand({
      TableName: table.tableName,
      ConsistentRead: true,
      ScanIndexForward: false,
      KeyConditionExpression: `#${partitionKey} = :client AND #${sortKey} < :before`,
      ProjectionExpression: `#${sortKey}`,
      ExpressionAttributeNames: attributeNames([partitionKey, sortKey]),
      ExpressionAttributeValues: {
        ':client': { S: clientPartition(clientId) },
        ':before': { S: clientJobSort(before) },
      },
      Limit: count - found.length,
      ExclusiveStartKey: start,
    });
    const answer = await table.client.send(query).catch((error: unknown) => throwAwsError('Query', error));
    found.push(...(answer.Items ?? []).map((item) => jobOfClientSort(text(item, sortKey))));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined && found.length < count);
  return found;
}
