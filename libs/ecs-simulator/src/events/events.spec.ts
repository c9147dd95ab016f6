import { once } from 'node:events';
import { createServer } from 'node:http';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createFaultPlan, type FaultRates } from '../fault-plan.ts';
import { Timers } from '../timers.ts';
import { eventually, exits, startHarness, type Harness } from '../testing/simulator-harness.ts';
import { EventCourier } from './event-courier.ts';
import { sqsEventSink } from './event-sinks.ts';
import type { EcsEvent } from './event.ts';

const SEED = Date.now() % 1_000_000;

const anEvent = (id: number): EcsEvent => ({
  version: '0',
  id: String(id),
  'detail-type': 'ECS Task State Change',
  source: 'aws.ecs',
  account: '0',
  time: '2026-01-01T00:00:00Z',
  region: 'us-east-1',
  resources: [],
  detail: {},
});

describe('events that go wrong', () => {
  beforeAll(() => void process.stdout.write(`ecs-simulator: events.spec seed ${SEED}\n`));
  const timers = new Timers();
  afterAll(() => timers.close());
  const sentWith = (count: number, rates: Omit<FaultRates, 'seed'>) => {
    const seen: number[] = [];
    const courier = new EventCourier(({ id }) => void seen.push(Number(id)), timers);
    const plan = createFaultPlan({ seed: SEED, ...rates });
    for (let id = 0; id < count; id += 1) courier.send(anEvent(id), plan);
    return { seen, courier };
  };
  const upTo = (count: number) => Array.from({ length: count }, (_, id) => id);

  it('come once and in order without faults', async () => {
    const { seen } = sentWith(100, {});
    await eventually(() => seen.length === 100);
    expect(seen).toEqual(upTo(100));
  });

  it('come twice', async () => {
    const { seen } = sentWith(50, { eventDuplicatedRate: 1 });
    await eventually(() => seen.length === 100);
    expect(seen).toEqual(upTo(50).flatMap((id) => [id, id]));
  });

  it('are lost, and counted', () => {
    const { seen, courier } = sentWith(50, { eventLostRate: 1 });
    expect([seen, courier.counts.lost]).toEqual([[], 50]);
  });

  it('come later, each of them', async () => {
    const { seen } = sentWith(100, { eventDelayedRate: 1, eventDelayMsMax: 20 });
    expect(seen).toEqual([]);
    await eventually(() => seen.length === 100);
    expect(seen.toSorted((a, b) => a - b)).toEqual(upTo(100));
  });

  it('change places, and none is left behind', async () => {
    const { seen } = sentWith(101, { eventReorderedRate: 0.5 });
    await eventually(() => seen.length === 101);
    expect(seen).not.toEqual(upTo(101));
    expect(seen.toSorted((a, b) => a - b)).toEqual(upTo(101));
  });

  it('are counted as failed when the sink throws, and the next one still comes', async () => {
    let calls = 0;
    const sink = () => {
      calls += 1;
      if (calls === 1) throw new Error('the queue is gone');
    };
    const courier = new EventCourier(sink, timers);
    courier.send(anEvent(1), null);
    courier.send(anEvent(2), null);
    await eventually(() => courier.counts.sent === 1);
    expect(courier.counts).toEqual({ sent: 1, lost: 0, failed: 1 });
  });
});

describe('a task state change', () => {
  let harness: Harness;
  afterEach(() => harness.close());

  it('shows the task of its moment in EventBridge’s envelope', async () => {
    harness = await startHarness();
    harness.program('quick', exits(5));
    await harness.define('one', [{ name: 'main', image: 'quick' }]);
    const arn = await harness.run('one', { startedBy: 'job' });
    await harness.reaches(arn, 'STOPPED');
    const last = await eventually(
      () => harness.events.find(({ detail }) => detail['lastStatus'] === 'STOPPED') ?? null,
    );
    expect(last).toMatchObject({
      version: '0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      'detail-type': 'ECS Task State Change',
      source: 'aws.ecs',
      account: '000000000000',
      region: 'us-east-1',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      resources: [arn],
      detail: {
        taskArn: arn,
        clusterArn: harness.simulator.clusterArn,
        startedBy: 'job',
        desiredStatus: 'STOPPED',
        stopCode: 'EssentialContainerExited',
        stoppedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        updatedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        containers: [{ name: 'main', lastStatus: 'STOPPED', exitCode: 5 }],
      },
    });
    expect(harness.events[0]?.detail).toMatchObject({ lastStatus: 'PROVISIONING', version: 1 });
  });

  it('is sent only if the filter wants it', async () => {
    harness = await startHarness({ eventFilter: ({ detail }) => detail['lastStatus'] === 'STOPPED' });
    harness.program('quick', exits(0));
    await harness.define('one', [{ name: 'main', image: 'quick' }]);
    await harness.reaches(await harness.run('one'), 'STOPPED');
    await eventually(() => harness.events.length === 1);
    expect(harness.simulator.eventCounts).toMatchObject({ sent: 1, lost: 0 });
  });

  it('goes to a queue as a rule’s target gets it', async () => {
    const bodies: string[] = [];
    const queue = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
      request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end('{}'));
    }).listen(0, '127.0.0.1');
    await once(queue, 'listening');
    const address = queue.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const credentials = { accessKeyId: 'simulated', secretAccessKey: 'simulated' };
    const client = new SQSClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials,
      md5: false,
    });
    const queueUrl = `http://127.0.0.1:${port}/0/events`;
    harness = await startHarness({ eventSink: sqsEventSink(client, queueUrl) });
    await harness.define('one', [{ name: 'main' }]);
    const arn = await harness.run('one');
    await eventually(() => harness.simulator.eventCounts.sent > 0);
    const sent = JSON.parse(bodies[0] ?? '');
    expect(sent.QueueUrl).toBe(queueUrl);
    expect(JSON.parse(sent.MessageBody)).toMatchObject({ resources: [arn], detail: { lastStatus: 'PROVISIONING' } });
    await harness.simulator.close();
    client.destroy();
    queue.closeAllConnections();
    queue.close();
  });
});
