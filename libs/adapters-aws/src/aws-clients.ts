import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ECSClient } from '@aws-sdk/client-ecs';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';

const second = 1_000;

const CONNECT_MS = 3 * second;

/**
 * How long an answer is waited for, and how often a call is tried by the SDK itself, the first time included. A long
 * poll of SQS lasts 20 s by itself; a part of 16 MiB goes to S3 within the time.
 */
const LIMITS_OF = {
  dynamo: { answerMs: 3 * second, triesMax: 4 },
  ecs: { answerMs: 10 * second, triesMax: 2 },
  sqs: { answerMs: 30 * second, triesMax: 3 },
  s3: { answerMs: 30 * second, triesMax: 3 },
} as const;

const PAUSES_MS_MAX = 5 * second;

/** So long after it was called a launch may still reach ECS, its own repeats included. */
export const LAUNCH_CALL_MS_MAX = LIMITS_OF.ecs.triesMax * LIMITS_OF.ecs.answerMs + PAUSES_MS_MAX;

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

/** @param answerMs until an answer begins, and between two pieces of its body: a service may fall silent within one. */
export function callLimits({ answerMs, triesMax }: { answerMs: number; triesMax: number }) {
  return {
    maxAttempts: triesMax,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: answerMs,
      socketTimeout: answerMs,

      throwOnRequestTimeout: true,
    },
  };
}

/**
 * One client per service for a process. Unless said otherwise, credentials come from the task's role by the SDK's own
 * chain, and endpoints from the region (or the SDK's own `AWS_ENDPOINT_URL_*`).
 */
export function openAwsClients(given: AwsClientSettings): AwsClients {
  const dynamo = new DynamoDBClient({ ...given, ...callLimits(LIMITS_OF.dynamo) });
  const sqs = new SQSClient({ ...given, ...callLimits(LIMITS_OF.sqs) });
  // A signed link must not carry the checksum of a body that does not exist yet.
  const s3 = new S3Client({ ...given, ...callLimits(LIMITS_OF.s3), requestChecksumCalculation: 'WHEN_REQUIRED' });
  const ecs = new ECSClient({ ...given, ...callLimits(LIMITS_OF.ecs) });
  const autoScaling = new AutoScalingClient({ ...given, ...callLimits(LIMITS_OF.ecs) });
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
