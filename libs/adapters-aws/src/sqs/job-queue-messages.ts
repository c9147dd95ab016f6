import type {
  ChangeMessageVisibilityCommandInput,
  ReceiveMessageCommandInput,
  SendMessageCommandInput,
} from '@aws-sdk/client-sqs';
import { isJobId, type JobId, type JobRecord } from '@bpi/job-contract';

/** SQS's own limits. */
export const DELAY_MS_MAX = 900 * 1_000;
export const VISIBILITY_MS_MAX = 43_200 * 1_000;
const WAIT_S_MAX = 20;
const MESSAGES_MAX = 10;

const MESSAGE_VERSION = 1;

/** Why a message was thrown away. */
export type DropReason = 'not_json' | 'unknown_version' | 'not_a_job_id';

/**
 * A job id of ours and nothing else. The group is the client: SQS serves groups of a standard queue in turn, so one
 * client's thousand jobs do not keep another's waiting (fair queues). A longer delay than SQS has is cut: the job's
 * own `notBefore` decides, and who looks too early sends again.
 */
export function sendInput(
  queueUrl: string,
  job: Pick<JobRecord, 'jobId' | 'clientId'>,
  delayMs: number,
): SendMessageCommandInput {
  return {
    QueueUrl: queueUrl,
    MessageBody: JSON.stringify({ v: MESSAGE_VERSION, jobId: job.jobId }),
    MessageGroupId: job.clientId,
    DelaySeconds: wholeSeconds(Math.min(delayMs, DELAY_MS_MAX)),
  };
}

export function receiveInput(
  queueUrl: string,
  ask: { max: number; waitMs: number; visibilityTimeoutMs: number },
): ReceiveMessageCommandInput {
  return {
    QueueUrl: queueUrl,
    MaxNumberOfMessages: Math.min(ask.max, MESSAGES_MAX),
    WaitTimeSeconds: Math.min(wholeSeconds(ask.waitMs), WAIT_S_MAX),
    VisibilityTimeout: wholeSeconds(ask.visibilityTimeoutMs),
    MessageSystemAttributeNames: ['ApproximateReceiveCount'],
  };
}

/** @param heldMs since it was received; SQS hides a message for 12 hours in all and refuses more. */
export function releaseInput(
  queueUrl: string,
  receiptHandle: string,
  { delayMs, heldMs }: { delayMs: number; heldMs: number },
): ChangeMessageVisibilityCommandInput {
  const hiddenMs = Math.min(delayMs, VISIBILITY_MS_MAX - wholeSeconds(heldMs) * 1_000);
  return { QueueUrl: queueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout: wholeSeconds(hiddenMs) };
}

/** The job a message is about, or why it is none of ours. */
export function parseBody(body: string | undefined): { jobId: JobId } | { dropped: DropReason } {
  let message: unknown;
  try {
    message = JSON.parse(body ?? '');
  } catch {
    return { dropped: 'not_json' };
  }
  if (typeof message !== 'object' || message === null) return { dropped: 'unknown_version' };
  if (!('v' in message) || message.v !== MESSAGE_VERSION) return { dropped: 'unknown_version' };
  const jobId = 'jobId' in message ? message.jobId : undefined;
  return typeof jobId === 'string' && isJobId(jobId) ? { jobId } : { dropped: 'not_a_job_id' };
}

/** Rounded up: nothing becomes visible before its time. */
function wholeSeconds(ms: number): number {
  return Math.max(0, Math.ceil(ms / 1_000));
}
