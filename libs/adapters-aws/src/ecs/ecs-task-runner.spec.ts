import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { JobId } from '@bpi/job-contract';
import type { TaskEvent } from '@bpi/jobs';
import { openAwsClients, type AwsClients } from '../aws-clients.ts';
import { stagerMessageBody } from '../sqs/task-events-message.ts';
import { startWireServer } from '../testing/wire-server.ts';
import { EcsTaskRunner } from './ecs-task-runner.ts';

const jobId = '00000000-0000-4000-8000-000000000001' as JobId; // of this pattern
const EPOCHS = [1, 2, 3];

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A queue that hands out one batch of three, and refuses the first deletion by this name. */
async function queueThatRefuses(code: string): Promise<{ clients: AwsClients; queueUrl: string }> {
  const refusal = { status: 400, body: JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: '' }) };
  const Messages = EPOCHS.map((epoch) => {
    const Body = stagerMessageBody({ kind: 'heartbeat', jobId, epoch });
    return { Body, MD5OfBody: createHash('md5').update(Body).digest('hex'), ReceiptHandle: `${epoch}`, MessageId: '1' };
  });
  const answers = {
    ReceiveMessage: [{ status: 200, body: JSON.stringify({ Messages }) }],
    DeleteMessage: [refusal],
  };
  const server = await startWireServer((request, response) => {
    const [, operation] = String(request.headers['x-amz-target']).split('.');
    const scripted = operation === 'ReceiveMessage' ? answers.ReceiveMessage : answers.DeleteMessage;
    const { status, body } = scripted.shift() ?? { status: 200, body: '{}' };
    request.resume().once('end', () => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(body);
    });
  });
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const clients = openAwsClients({ region: 'us-east-1', endpoint: server.endpoint, credentials });
  closing.push(async () => {
    clients.destroy();
    await server.close();
  });
  return { clients, queueUrl: `${server.endpoint}/queue` };
}

/** What came until the third event, or until the stream broke. */
async function eventsThough(code: string): Promise<{ events: TaskEvent[]; failure: unknown }> {
  const { clients, queueUrl } = await queueThatRefuses(code);
  const settings = { cluster: 'arn:aws:ecs:::cluster/c', taskEventsQueueUrl: queueUrl, definitions: {}, log: () => {} };
  const runner = new EcsTaskRunner(clients, settings);
  const stop = new AbortController();
  const events: TaskEvent[] = [];
  try {
    for await (const event of runner.events(stop.signal)) {
      events.push(event);
      if (events.length === EPOCHS.length) setTimeout(() => stop.abort());
    }
    return { events, failure: null };
  } catch (failure) {
    return { events, failure };
  }
}

describe('the events of an EcsTaskRunner', () => {
  const all = EPOCHS.map((epoch) => ({ kind: 'changed', jobId, epoch }));

  it('go on after a message that had been deleted before, by a try whose answer was lost', async () => {
    expect(await eventsThough('ReceiptHandleIsInvalid')).toEqual({ events: all, failure: null });
  });

  it('that came with one that cannot be deleted are told before that is raised', async () => {
    const { events, failure } = await eventsThough('AccessDenied');
    expect(events).toEqual(all);
    expect(failure).toMatchObject({ name: 'AwsError', code: 'AccessDenied' });
  });
});
