/** What the infrastructure would have made: one table, two queues and a bucket, in an emulator. */
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { jobTableDefinition } from '@bpi/adapters-aws';

export const EMULATED_REGION = 'us-east-1';

/** The emulator checks signed links by these; real ones are never needed here. */
export const EMULATED_CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' } as const;

export type AwsResources = { table: string; jobQueueUrl: string; taskEventsQueueUrl: string; bucket: string };

export function emulatorSettings(endpoint: string): {
  region: string;
  endpoint: string;
  credentials: typeof EMULATED_CREDENTIALS;
} {
  return { region: EMULATED_REGION, endpoint, credentials: EMULATED_CREDENTIALS };
}

/** @param name part of every resource's name: several platforms may share an emulator. */
export async function createAwsResources(endpoint: string, name: string): Promise<AwsResources> {
  const settings = emulatorSettings(endpoint);
  const dynamo = new DynamoDBClient(settings);
  const sqs = new SQSClient(settings);
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  try {
    const table = `${name}-jobs`;
    await dynamo.send(new CreateTableCommand(jobTableDefinition(table)));
    const jobQueueUrl = await createQueue(sqs, `${name}-jobs`);
    const taskEventsQueueUrl = await createQueue(sqs, `${name}-task-events`);
    const bucket = `${name}-jobs`;
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    return { table, jobQueueUrl, taskEventsQueueUrl, bucket };
  } finally {
    for (const client of [dynamo, sqs, s3]) client.destroy();
  }
}

async function createQueue(sqs: SQSClient, name: string): Promise<string> {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  if (QueueUrl === undefined) throw new Error(`The emulator made no queue ${name}: look at its log.`);
  return QueueUrl;
}
