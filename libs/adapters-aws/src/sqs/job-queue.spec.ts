import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ReceiveMessageCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { JobId } from '@bpi/job-contract';
import type { Delivery } from '@bpi/jobs';
import { makeQueue, type TestQueue } from '../testing/emulator.ts';
import { addFaults, recordOperations, scriptOf } from '../testing/faulty-middleware.ts';
import { SQS_JOB_QUEUE_OPERATIONS, SqsJobQueue } from './job-queue.ts';

const jobId = '00000000-0000-4000-8000-000000000001' as JobId; // of this pattern
const job = { jobId, clientId: 'clinic' };
const VISIBILITY_TIMEOUT_MS = 30_000;
const TURNS_MAX = 10_000;

describe('SqsJobQueue', () => {
  let test: TestQueue;
  let client: SQSClient;
  let queue: SqsJobQueue;
  let sent: string[];
  let dropped: string[];
  let nowMs: number;
  beforeEach(async () => {
    test = await makeQueue(process.env['BPI_TEST_AWS_ENDPOINT']);
    client = test.client;
    sent = recordOperations(client);
    dropped = [];
    nowMs = 0;
    queue = open();
  });
  afterEach(async () => {
    await test.close();
  });

  function open(settings: { queueUrl?: string; visibilityTimeoutMs?: number } = {}): SqsJobQueue {
    return new SqsJobQueue({
      client,
      queueUrl: settings.queueUrl ?? test.queueUrl,
      clock: { monotonicMs: () => nowMs },
      visibilityTimeoutMs: settings.visibilityTimeoutMs ?? VISIBILITY_TIMEOUT_MS,
      onDropped: (reason) => dropped.push(reason),
    });
  }

  const now = (max = 10) => queue.receive({ max, waitMs: 0, signal: new AbortController().signal });
  const sendRaw = (MessageBody: string) =>
    client.send(new SendMessageCommand({ QueueUrl: test.queueUrl, MessageBody }));

  async function receiveOne(): Promise<Delivery> {
    await queue.send(job, 0);
    const [delivery] = await now(1);
    if (delivery === undefined) throw new Error('nothing was delivered');
    return delivery;
  }

  it('sends the operations that it names, and no other', async () => {
    const first = await receiveOne();
    await first.release(0);
    await first.ack();
    await queue.depth();
    expect([...new Set(sent)].map((operation) => `sqs:${operation}`).sort()).toEqual(SQS_JOB_QUEUE_OPERATIONS);
  });

  it("counts a message for its client, and hides it for the adapter's own time", async () => {
    await queue.send(job, 0);
    const ask = { QueueUrl: test.queueUrl, MessageSystemAttributeNames: ['MessageGroupId' as const] };
    const { Messages } = await client.send(new ReceiveMessageCommand({ ...ask, VisibilityTimeout: 0 }));
    expect(Messages).toMatchObject([{ Body: `{"v":1,"jobId":"${jobId}"}`, Attributes: { MessageGroupId: 'clinic' } }]);
  });

  it('throws away what is none of ours, says so, and delivers the rest', async () => {
    for (const body of ['not json', '{"v":2}', '{"v":1,"jobId":"x"}']) await sendRaw(body);
    await queue.send(job, 0);
    expect(await now()).toMatchObject([{ jobId, receivedCount: 1 }]);
    expect([...dropped].sort()).toEqual(['not_a_job_id', 'not_json', 'unknown_version']);
    expect(await queue.depth()).toBe(1);
  });

  it('delivers the rest though a bad message cannot be deleted', async () => {
    addFaults(client, scriptOf({ DeleteMessage: [{ refused: 'AccessDenied', status: 403 }] }));
    await sendRaw('not json');
    await queue.send(job, 0);
    expect(await now()).toMatchObject([{ jobId }]);
    expect(dropped).toEqual(['not_json']);
    expect(await queue.depth()).toBe(2);
  });

  it('does not touch a message that it has lost, acked or given back', async () => {
    const lost = await receiveOne();
    nowMs += VISIBILITY_TIMEOUT_MS;
    await lost.release(0);
    const acked = await receiveOne();
    await acked.ack();
    await acked.release(0);
    const released = await receiveOne();
    await released.release(0);
    await released.release(0);
    expect(sent.filter((operation) => operation === 'ChangeMessageVisibility')).toHaveLength(1);
  });

  it('extends the time of a message it holds, again and again', async () => {
    const held = await receiveOne();
    for (let times = 0; times < 3; times += 1) {
      nowMs += VISIBILITY_TIMEOUT_MS - 1;
      await held.release(VISIBILITY_TIMEOUT_MS);
    }
    expect(sent.filter((operation) => operation === 'ChangeMessageVisibility')).toHaveLength(3);
  });

  it.each(['MessageNotInflight', 'ReceiptHandleIsInvalid'])('takes %s for done', async (refused) => {
    const script = { ChangeMessageVisibility: [{ refused, status: 400 }], DeleteMessage: [{ refused, status: 400 }] };
    const delivery = await receiveOne();
    addFaults(client, scriptOf(script));
    await delivery.release(0);
    await delivery.ack();
  });

  it('acks again what it could not ack before', async () => {
    const delivery = await receiveOne();
    addFaults(client, scriptOf({ DeleteMessage: [{ refused: 'AccessDenied', status: 403 }, 'lost_answer'] }));
    await expect(delivery.ack()).rejects.toMatchObject({ name: 'AwsError', code: 'AccessDenied' });
    await delivery.ack();
    expect(await queue.depth()).toBe(0);
  });

  it('ends a long poll that is under way when it is aborted', async () => {
    const abort = new AbortController();
    const waiting = queue.receive({ max: 1, waitMs: 20_000, signal: abort.signal });
    for (let turn = 0; turn < TURNS_MAX && !sent.includes('ReceiveMessage'); turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toContain('ReceiveMessage');
    const startedAt = performance.now();
    abort.abort();
    expect(await waiting).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('asks for nothing when nothing is wanted', async () => {
    expect(await now(0)).toEqual([]);
    expect(sent).not.toContain('ReceiveMessage');
  });

  it('raises AwsErrors for a queue that is not there, without its address', async () => {
    queue = open({ queueUrl: `${test.queueUrl}-gone` });
    const refused = { name: 'AwsError', code: 'QueueDoesNotExist', retryable: false };
    await expect(queue.send(job, 0)).rejects.toMatchObject(refused);
    await expect(now()).rejects.toMatchObject(refused);
    const error: unknown = await queue.depth().catch((reason: unknown) => reason);
    expect(error).toMatchObject(refused);
    expect(String(error)).not.toContain('-gone');
  });

  it.each([0, 999, 43_200_001, Number.NaN])('refuses to hide messages for %i ms', (visibilityTimeoutMs) => {
    expect(() => open({ visibilityTimeoutMs })).toThrow(RangeError);
  });
});
