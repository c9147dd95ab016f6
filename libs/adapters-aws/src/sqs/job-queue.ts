import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type Message,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { JobRecord } from '@bpi/job-contract';
import type { Clock, Delivery, JobQueue } from '@bpi/jobs';
import { isErrorNamed, throwAwsError } from '../aws-error.ts';
import type { AwsOperation } from '../aws-operation.ts';
import {
  parseBody,
  receiveInput,
  releaseInput,
  sendInput,
  VISIBILITY_MS_MAX,
  type DropReason,
} from './job-queue-messages.ts';

/** Every command this adapter sends. */
export const SQS_JOB_QUEUE_OPERATIONS: readonly AwsOperation[] = [
  'sqs:ChangeMessageVisibility',
  'sqs:DeleteMessage',
  'sqs:GetQueueAttributes',
  'sqs:ReceiveMessage',
  'sqs:SendMessage',
];

export type SqsJobQueueOptions = {
  /** Its requests must be allowed to last longer than a long poll (20 s). */
  client: SQSClient;
  /** A standard queue. */
  queueUrl: string;
  clock: Pick<Clock, 'monotonicMs'>;
  /**
   * A received message that was neither acked nor released is visible again after this, rounded up to whole seconds.
   * It must last for one dispatch. The queue's own value does not count.
   */
  visibilityTimeoutMs: number;
  /** A message that is none of ours was thrown away; count it and raise an alarm. */
  onDropped: (reason: DropReason) => void;
};

const DEPTH_ATTRIBUTES = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const;
/** SQS's words for a message that is not ours any more: acked, or visible again. */
const NOT_OURS = ['MessageNotInflight', 'ReceiptHandleIsInvalid', 'InvalidParameterValue'];

/** Wake-ups in an SQS standard queue. */
export class SqsJobQueue implements JobQueue {
  readonly #client: SQSClient;
  readonly #queueUrl: string;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #visibilityTimeoutMs: number;
  readonly #onDropped: (reason: DropReason) => void;

  constructor(options: SqsJobQueueOptions) {
    const { visibilityTimeoutMs } = options;
    if (!(visibilityTimeoutMs >= 1_000 && visibilityTimeoutMs <= VISIBILITY_MS_MAX)) {
      throw new RangeError('a message is hidden between one second and twelve hours: change visibilityTimeoutMs');
    }
    this.#client = options.client;
    this.#queueUrl = options.queueUrl;
    this.#clock = options.clock;
    this.#visibilityTimeoutMs = Math.ceil(visibilityTimeoutMs / 1_000) * 1_000;
    this.#onDropped = options.onDropped;
  }

  async send(job: Pick<JobRecord, 'jobId' | 'clientId'>, delayMs: number): Promise<void> {
    await this.#client
      .send(new SendMessageCommand(sendInput(this.#queueUrl, job, delayMs)))
      .catch((error: unknown) => throwAwsError('SendMessage', error));
  }

  /**
   * Waits 20 s at most, however long it was asked to, and takes 10 messages at most: ask again. A message that SQS
   * hands out to a call that was aborted meanwhile is visible again after the visibility timeout.
   */
  async receive(ask: { max: number; waitMs: number; signal: AbortSignal }): Promise<Delivery[]> {
    if (ask.signal.aborted || ask.max < 1) return [];
    const input = receiveInput(this.#queueUrl, { ...ask, visibilityTimeoutMs: this.#visibilityTimeoutMs });
    const { Messages } = await this.#client
      .send(new ReceiveMessageCommand(input), { abortSignal: ask.signal })
      .catch((error: unknown) => {
        if (ask.signal.aborted) return { Messages: [] };
        return throwAwsError('ReceiveMessage', error);
      });
    const deliveries = await Promise.all((Messages ?? []).map((message) => this.#deliveryOrDrop(message)));
    return deliveries.filter((delivery) => delivery !== null);
  }

  async depth(): Promise<number> {
    const { Attributes } = await this.#client
      .send(new GetQueueAttributesCommand({ QueueUrl: this.#queueUrl, AttributeNames: [...DEPTH_ATTRIBUTES] }))
      .catch((error: unknown) => throwAwsError('GetQueueAttributes', error));
    return DEPTH_ATTRIBUTES.reduce((sum, name) => sum + Number(Attributes?.[name] ?? 0), 0);
  }

  async #deliveryOrDrop(message: Message): Promise<Delivery | null> {
    const parsed = parseBody(message.Body);
    if ('jobId' in parsed) {
      const receivedCount = Number(message.Attributes?.ApproximateReceiveCount ?? 1);
      return { jobId: parsed.jobId, receivedCount, ...this.#handlesOf(message.ReceiptHandle) };
    }
    this.#onDropped(parsed.dropped);
    // A message that cannot be deleted now comes again, and must not keep the good ones beside it from the worker.
    await this.#delete(message.ReceiptHandle).catch(() => {});
    return null;
  }

  /** On its own clock a delivery knows when it lost the message: SQS does not promise to refuse an old handle. */
  #handlesOf(receiptHandle: string | undefined): Pick<Delivery, 'ack' | 'release'> {
    const receivedAtMs = this.#clock.monotonicMs();
    let oursUntilMs = receivedAtMs + this.#visibilityTimeoutMs;
    return {
      ack: async () => {
        await this.#delete(receiptHandle);
        oursUntilMs = -Infinity;
      },
      release: async (delayMs) => {
        const nowMs = this.#clock.monotonicMs();
        if (nowMs >= oursUntilMs) return;
        await this.#release(receiptHandle, { delayMs, heldMs: nowMs - receivedAtMs });
        oursUntilMs = nowMs + delayMs;
      },
    };
  }

  async #delete(receiptHandle: string | undefined): Promise<void> {
    await this.#client
      .send(new DeleteMessageCommand({ QueueUrl: this.#queueUrl, ReceiptHandle: receiptHandle }))
      .catch((error: unknown) => unlessNotOurs('DeleteMessage', error));
  }

  async #release(receiptHandle: string | undefined, time: { delayMs: number; heldMs: number }): Promise<void> {
    await this.#client
      .send(new ChangeMessageVisibilityCommand(releaseInput(this.#queueUrl, receiptHandle ?? '', time)))
      .catch((error: unknown) => unlessNotOurs('ChangeMessageVisibility', error));
  }
}

/** A message that was deleted before, or that somebody else has by now, is done with. */
export function unlessNotOurs(operation: string, error: unknown): void {
  if (!isErrorNamed(error, ...NOT_OURS)) throwAwsError(operation, error);
}
