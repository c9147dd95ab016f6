import { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue/index.js';
import { SqsQueuePolicy } from '@cdktf/provider-aws/lib/sqs-queue-policy/index.js';
import { SqsQueueRedriveAllowPolicy } from '@cdktf/provider-aws/lib/sqs-queue-redrive-allow-policy/index.js';
import { Construct } from 'constructs';
import { policyDocument } from '../policy.ts';
import type { StackContext } from '../stack-context.ts';
import { tlsOnly } from '../tls-only.ts';

export type MessageQueueSettings = {
  /** The last part of its name; its dead letters' ends in `-dead-letters`. */
  name: string;
  /** A message that was received so often without being deleted is a dead letter. */
  maxReceiveCount: number;
  /** Below the 14 days of the dead letters. */
  retentionDays: number;
  visibilityTimeoutS: number;
  /** `elsewhere`: somebody admits a sender and makes the policy of both queues, which must also demand TLS. */
  policy: 'own' | 'elsewhere';
};

type QueueAddress = { name: string; arn: string; url: string };

/** As long as SQS keeps anything. A dead letter keeps the time it was sent at, so its queue must keep longer than ours. */
const DEAD_LETTER_DAYS = 14;
const DAY_S = 24 * 60 * 60;
/** As long as SQS can wait for a message. Every receive of ours says so itself; this is for people who look by hand. */
const RECEIVE_WAIT_S = 20;

/** A standard queue and its dead letters, which raise an alarm and are kept for somebody to look at. */
export class MessageQueue extends Construct {
  readonly name: string;
  readonly arn: string;
  readonly url: string;
  readonly deadLetters: QueueAddress;

  constructor(scope: Construct, id: string, context: StackContext, settings: MessageQueueSettings) {
    super(scope, id);
    const { name, maxReceiveCount, retentionDays, visibilityTimeoutS } = settings;
    if (retentionDays >= DEAD_LETTER_DAYS) {
      throw new Error(
        `The queue ${name} must keep messages for less than ${DEAD_LETTER_DAYS} days: lower its retention.`,
      );
    }
    const encryption = encryptionOf(context);
    const deadLetters = new SqsQueue(this, 'dead-letters', {
      ...encryption,
      name: context.name(`${name}-dead-letters`),
      messageRetentionSeconds: DEAD_LETTER_DAYS * DAY_S,
      receiveWaitTimeSeconds: RECEIVE_WAIT_S,
    });
    const queue = new SqsQueue(this, 'queue', {
      ...encryption,
      name: context.name(name),
      messageRetentionSeconds: retentionDays * DAY_S,
      receiveWaitTimeSeconds: RECEIVE_WAIT_S,
      visibilityTimeoutSeconds: visibilityTimeoutS,
      redrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount }),
    });
    new SqsQueueRedriveAllowPolicy(this, 'redrive', {
      queueUrl: deadLetters.url,
      redriveAllowPolicy: JSON.stringify({ redrivePermission: 'byQueue', sourceQueueArns: [queue.arn] }),
    });
    this.name = queue.name;
    this.arn = queue.arn;
    this.url = queue.url;
    this.deadLetters = { name: deadLetters.name, arn: deadLetters.arn, url: deadLetters.url };
    if (settings.policy === 'own') {
      this.#demandTls('policy', this);
      this.#demandTls('dead-letters-policy', this.deadLetters);
    }
  }

  #demandTls(id: string, { url, arn }: QueueAddress): void {
    new SqsQueuePolicy(this, id, { queueUrl: url, policy: policyDocument([tlsOnly('sqs', [arn])]) });
  }
}

/** SQS takes one of the two. */
function encryptionOf({ keyArn }: StackContext) {
  return keyArn === null ? { sqsManagedSseEnabled: true } : { kmsMasterKeyId: keyArn };
}
