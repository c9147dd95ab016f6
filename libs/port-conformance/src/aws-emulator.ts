import { randomUUID } from 'node:crypto';
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateQueueCommand, DeleteQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { jobTableDefinition } from '@bpi/adapters-aws';

export type EmulatedTable = {
  tableName: string;
  /** An own client, closed with the rest. */
  connect(): DynamoDBClient;
  close(): Promise<void>;
};

export type EmulatedBucket = {
  bucket: string;
  /** An own client, closed with the rest. */
  connect(): S3Client;
  /** Removes the bucket and all that is in it. */
  close(): Promise<void>;
};

export type EmulatedQueue = {
  queueUrl: string;
  /** An own client, closed with the rest. */
  connect(): SQSClient;
  close(): Promise<void>;
};

const REQUEST_TIMEOUT_MS = 30_000;
/** Checksums as in production; the emulator's buckets have no host names. */
const S3_SETTINGS = { requestChecksumCalculation: 'WHEN_REQUIRED', forcePathStyle: true } as const;

/** A table of one test. @param endpoint the emulator's address; undefined says how to get one. */
export async function makeEmulatedTable(endpoint: string | undefined): Promise<EmulatedTable> {
  const settings = clientSettings(endpoint);
  const tableName = `bpi-${randomUUID()}`;
  const clients: DynamoDBClient[] = [];
  const connect = () => {
    const client = new DynamoDBClient(settings);
    clients.push(client);
    return client;
  };
  const owner = connect();
  await owner.send(new CreateTableCommand(jobTableDefinition(tableName)));
  return {
    tableName,
    connect,
    close: async () => {
      await owner.send(new DeleteTableCommand({ TableName: tableName }));
      for (const client of clients) client.destroy();
    },
  };
}

/** A bucket of one test. @param endpoint as for a table. */
export async function makeEmulatedBucket(endpoint: string | undefined): Promise<EmulatedBucket> {
  const settings = clientSettings(endpoint);
  const bucket = `bpi-${randomUUID()}`;
  const clients: S3Client[] = [];
  const connect = () => {
    const client = new S3Client({ ...settings, ...S3_SETTINGS });
    clients.push(client);
    return client;
  };
  const owner = connect();
  await owner.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    bucket,
    connect,
    close: async () => {
      await emptyBucket(owner, bucket);
      await owner.send(new DeleteBucketCommand({ Bucket: bucket }));
      for (const client of clients) client.destroy();
    },
  };
}

/** A standard queue of one test. @param endpoint as for a table. */
export async function makeEmulatedQueue(endpoint: string | undefined): Promise<EmulatedQueue> {
  const settings = clientSettings(endpoint);
  const clients: SQSClient[] = [];
  const connect = () => {
    const client = new SQSClient(settings);
    clients.push(client);
    return client;
  };
  const owner = connect();
  const { QueueUrl: queueUrl } = await owner.send(new CreateQueueCommand({ QueueName: `bpi-${randomUUID()}` }));
  if (queueUrl === undefined) throw new Error('the emulator made a queue without an address: look at its log');
  return {
    queueUrl,
    connect,
    close: async () => {
      await owner.send(new DeleteQueueCommand({ QueueUrl: queueUrl }));
      for (const client of clients) client.destroy();
    },
  };
}

function clientSettings(endpoint: string | undefined) {
  if (endpoint === undefined) {
    throw new Error('no AWS emulator: run ./tools/test, or set BPI_TEST_AWS_ENDPOINT to the address of one');
  }
  return {
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true },
  };
}

async function emptyBucket(client: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    if (Contents.length === 0) break;
    const Objects = Contents.map(({ Key }) => ({ Key: Key ?? '' }));
    await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
  }
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  for (const { Key, UploadId } of Uploads) {
    await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }));
  }
}
