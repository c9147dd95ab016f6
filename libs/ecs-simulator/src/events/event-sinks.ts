import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { EcsEvent, EventSink } from './event.ts';

/** Sends each event to a queue, as an EventBridge rule with that queue as its target does. */
export function sqsEventSink(client: Pick<SQSClient, 'send'>, queueUrl: string): EventSink {
  return async (event) => {
    await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(event) }));
  };
}

const COLLECTED_MAX = 100_000;

/** Keeps every event, for tests. */
export function collectingEventSink(): { sink: EventSink; events: readonly EcsEvent[] } {
  const events: EcsEvent[] = [];
  const sink: EventSink = (event) => {
    if (events.length >= COLLECTED_MAX) throw new Error('the collecting sink is full: use a filter or another sink');
    events.push(event);
  };
  return { sink, events };
}
