import { randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import { CreateQueueCommand, DeleteQueueCommand, SQSClient } from '@aws-sdk/client-sqs';

export type TestBucket = {
  bucket: string;
  /** An own client, closed with the rest. */
  connect(settings?: { maxAttempts: number }): S3Client;
  /** Multipart uploads that were begun and not ended. */
  openUploads(): Promise<number>;
  abortUploads(): Promise<void>;
  close(): Promise<void>;
};

export type TestQueue = { queueUrl: string; client: SQSClient; close(): Promise<void> };

/** Checksums as in production; the emulator's buckets have no host names. */
const S3_SETTINGS = { requestChecksumCalculation: 'WHEN_REQUIRED', forcePathStyle: true } as const;

/** A bucket of one test. @param endpoint the emulator's address; undefined says how to get one. */
export async function makeBucket(endpoint: string | undefined): Promise<TestBucket> {
  const bucket = `bpi-${randomUUID()}`;
  const clients: S3Client[] = [];
  const connect = (settings = { maxAttempts: 3 }) => {
    const client = new S3Client({ ...clientSettings(endpoint), ...settings, ...S3_SETTINGS });
    clients.push(client);
    return client;
  };
  const owner = connect();
  await owner.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    bucket,
    connect,
    abortUploads: async () => {
      for (const { Key, UploadId } of await uploadsOf(owner, bucket)) {
        await owner.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }));
      }
    },
    openUploads: async () => (await uploadsOf(owner, bucket)).length,
    close: async () => {
      for (;;) {
        const { Contents = [] } = await owner.send(new ListObjectsV2Command({ Bucket: bucket }));
        if (Contents.length === 0) break;
        const Objects = Contents.map(({ Key }) => ({ Key: Key ?? '' }));
        await owner.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
      }
      await owner.send(new DeleteBucketCommand({ Bucket: bucket }));
      for (const client of clients) client.destroy();
    },
  };
}

async function uploadsOf(client: S3Client, bucket: string): Promise<MultipartUpload[]> {
  return (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? [];
}

/** A standard queue of one test. @param endpoint as for a bucket. */
export async function makeQueue(endpoint: string | undefined): Promise<TestQueue> {
  const client = new SQSClient(clientSettings(endpoint));
  const { QueueUrl: queueUrl } = await client.send(new CreateQueueCommand({ QueueName: `bpi-${randomUUID()}` }));
  if (queueUrl === undefined) throw new Error('the emulator made a queue without an address: look at its log');
  return {
    queueUrl,
    client,
    close: async () => {
      await client.send(new DeleteQueueCommand({ QueueUrl: queueUrl }));
      client.destroy();
    },
  };
}

export function clientSettings(endpoint: string | undefined) {
  if (endpoint === undefined) {
    throw new Error('no AWS emulator: run ./tools/test, or set BPI_TEST_AWS_ENDPOINT to the address of one');
  }
  return { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
}
