import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ECSClient } from '@aws-sdk/client-ecs';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';

const second = 1_000;

/** The longest wait for an answer. A long poll of SQS lasts 20 s by itself. */
const TIMEOUTS = {
  connectMs: 3 * second,
  dynamoMs: 3 * second,
  ecsMs: 15 * second,
  sqsMs: 30 * second,
  s3Ms: 60 * second,
} as const;

/** The first try and the SDK's own repeats of it, with growing pauses. */
const TRIES_MAX = 4;

export type AwsClients = {
  dynamo: DynamoDBClient;
  sqs: SQSClient;
  s3: S3Client;
  ecs: ECSClient;
  autoScaling: AutoScalingClient;
  /** Ends idle connections, so that the process can end. */
  destroy(): void;
};

export type AwsClientSettings = {
  region: string;
  /** For emulators: all services at one address. */
  endpoint?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string };
};

/**
 * One client per service for a process. Unless said otherwise, credentials come from the task's role by the SDK's own
 * chain, and endpoints from the region (or the SDK's own `AWS_ENDPOINT_URL_*`).
 */
export function openAwsClients(given: AwsClientSettings): AwsClients {
  const settings = (requestTimeout: number) => ({
    ...given,
    maxAttempts: TRIES_MAX,
    requestHandler: { connectionTimeout: TIMEOUTS.connectMs, requestTimeout, throwOnRequestTimeout: true },
  });
  const dynamo = new DynamoDBClient(settings(TIMEOUTS.dynamoMs));
  const sqs = new SQSClient(settings(TIMEOUTS.sqsMs));
  // A signed link must not carry the checksum of a body that does not exist yet.
  const s3 = new S3Client({ ...settings(TIMEOUTS.s3Ms), requestChecksumCalculation: 'WHEN_REQUIRED' });
  const ecs = new ECSClient(settings(TIMEOUTS.ecsMs));
  const autoScaling = new AutoScalingClient(settings(TIMEOUTS.ecsMs));
  return {
    dynamo,
    sqs,
    s3,
    ecs,
    autoScaling,
    destroy: () => {
      for (const client of [dynamo, sqs, s3, ecs, autoScaling]) client.destroy();
    },
  };
}
