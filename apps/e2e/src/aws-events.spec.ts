import { randomUUID } from 'node:crypto';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startAwsHarness, type AwsHarness } from './aws-harness.ts';
import { until } from './harness.ts';

const OTHER_CLUSTER = 'arn:aws:ecs:us-east-1:000000000000:cluster/other';

describe('the task-events queue', () => {
  let harness: AwsHarness;
  beforeAll(async () => {
    harness = await startAwsHarness();
  }, 60_000);
  afterAll(() => harness.close());

  async function send(queueUrl: string, body: unknown): Promise<void> {
    const MessageBody = typeof body === 'string' ? body : JSON.stringify(body);
    await harness.services.sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }));
  }

  const taskChange = (clusterArn: string, startedBy: string) => ({
    source: 'aws.ecs',
    'detail-type': 'ECS Task State Change',
    detail: {
      taskArn: `${clusterArn.replace(':cluster/', ':task/')}/${randomUUID().replaceAll('-', '')}`,
      clusterArn,
      startedBy,
      lastStatus: 'RUNNING',
      version: 3,
      containers: [],
    },
  });
  const progress = (jobId: string, epoch: number) => ({
    source: 'bpi.stager',
    'detail-type': 'Attempt Progress',
    detail: { job_id: jobId, epoch, fraction: 0.1, step: 'work' },
  });

  /** Log events of the worker with these fields, so far. */
  async function counted(event: string, fields: Record<string, string>): Promise<number> {
    const lines = (await harness.log('worker')).trim().split('\n');
    const wanted = Object.entries({ event, ...fields });
    return lines.filter((line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      return wanted.every(([name, value]) => entry[name] === value);
    }).length;
  }
  const dropped = (reason: string) => counted('task.event.dropped', { reason });

  it('takes what concerns nobody: it is counted, dropped, and changes nothing', async () => {
    const { taskEventsQueueUrl, jobQueueUrl } = harness.platform.resources;
    const { job_id: jobId } = await harness.client.infer({ inputPath: harness.input('plain'), model: 'echo' });
    const completed = await harness.finish(jobId);
    expect(completed).toMatchObject({ status: 'completed', attempt: 1 });
    const before = await harness.projected(jobId);
    const nobody = randomUUID();
    const { clusterArn } = harness.platform.simulator;
    for (const body of [
      '{"half":',
      { source: 'aws.s3' },
      taskChange(OTHER_CLUSTER, `bpi/${jobId}/1`),
      taskChange(clusterArn, 'somebody else'),
      taskChange(clusterArn, `bpi/${nobody}/1`),
      progress(nobody, 1),
      progress(jobId, 1), // too late
      progress(jobId, 7), // never began
    ])
      await send(taskEventsQueueUrl, body);
    for (const body of ['not json', { v: 1, jobId: nobody }]) await send(jobQueueUrl, body);

    const reasons = ['not_json', 'unknown_event', 'other_cluster', 'other_task'];
    await until(
      async () => Promise.all(reasons.map(dropped)),
      (counts) => counts.join() === '1,1,1,1',
      20_000,
    );
    await until(
      () => dropped('not_current'),
      (count) => count >= 3, // the job's own last progress may have been late too
      20_000,
    );
    await until(
      () => counted('job.unknown', { jobId: nobody }),
      (count) => count >= 2, // by its event and by its message
      20_000,
    );
    expect(await counted('queue.message.dropped', { reason: 'not_json' })).toBe(1);
    expect(await harness.record(jobId)).toEqual(before);
    expect(await harness.client.status(jobId)).toEqual(completed);
  }, 60_000);
});
