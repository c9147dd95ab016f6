import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { throwAwsError } from '../aws-error.ts';
import type { AwsOperation } from '../aws-operation.ts';
import { stagerMessageBody, type StagerMessage } from './task-events-message.ts';

/** Every command that this sends. */
export const STAGER_MESSAGE_OPERATIONS: readonly AwsOperation[] = ['sqs:SendMessage'];

/** One message to the task-events queue. It may be lost: the sender goes on. Rejects when the signal aborts. */
export async function sendStagerMessage(
  client: Pick<SQSClient, 'send'>,
  queueUrl: string,
  message: StagerMessage,
  signal: AbortSignal,
): Promise<void> {
  await client
    .send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: stagerMessageBody(message) }), {
      abortSignal: signal,
    })
    .catch((error: unknown) => throwAwsError('SendMessage', error));
}
