import {
  DescribeTasksCommand,
  ListTasksCommand,
  RunTaskCommand,
  StopTaskCommand,
  type ListTasksCommandInput,
} from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runInput, startHarness, type Harness } from './testing/simulator-harness.ts';

let harness: Harness;
let cluster: string;
beforeEach(async () => {
  harness = await startHarness();
  cluster = harness.simulator.clusterArn;
  for (const family of ['one', 'two']) await harness.define(family, [{ name: 'main', memory: 10 }]);
});
afterEach(() => harness.close());

const list = async (more: Partial<ListTasksCommandInput>) =>
  (await harness.ecs.send(new ListTasksCommand({ cluster, ...more }))).taskArns ?? [];

describe('ListTasks', () => {
  it('filters by family, instance, starter and desired status', async () => {
    const first = await harness.run('one', { startedBy: 'a' });
    const second = await harness.run('two', { startedBy: 'b' });
    const { containerInstanceArn = '' } = await harness.reaches(first, 'RUNNING');
    await harness.reaches(second, 'RUNNING');
    expect(await list({})).toEqual([first, second]);
    expect(await list({ family: 'two' })).toEqual([second]);
    expect(await list({ startedBy: 'a' })).toEqual([first]);
    expect(await list({ containerInstance: containerInstanceArn })).toEqual([first, second]);
    expect(await list({ containerInstance: 'other' })).toEqual([]);
    await harness.ecs.send(new StopTaskCommand({ cluster, task: first }));
    expect(await list({})).toEqual([second]);
    expect(await list({ desiredStatus: 'STOPPED' })).toEqual([first]);
  });

  it('takes startedBy as the only filter, as the API reference has it', async () => {
    for (const other of [{ desiredStatus: 'STOPPED' as const }, { family: 'one' }, { containerInstance: 'x' }])
      await expect(list({ startedBy: 'a', ...other })).rejects.toMatchObject({ name: 'InvalidParameterException' });
  });

  it('gives pages in which each task comes once', async () => {
    const all: string[] = [];
    for (let call = 0; call < 3; call += 1) {
      const { tasks = [] } = await harness.ecs.send(new RunTaskCommand({ ...runInput(cluster, 'one'), count: 5 }));
      all.push(...tasks.map(({ taskArn = '' }) => taskArn));
    }
    const seen: string[] = [];
    let nextToken: string | undefined;
    do {
      const page = await harness.ecs.send(new ListTasksCommand({ cluster, maxResults: 4, nextToken }));
      expect(page.taskArns?.length).toBeLessThanOrEqual(4);
      seen.push(...(page.taskArns ?? []));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    expect(seen).toEqual(all);
    await expect(list({ nextToken: 'bent' })).rejects.toMatchObject({ name: 'InvalidParameterException' });
  });
});

describe('DescribeTasks', () => {
  it('answers for at most 100 tasks, by id or ARN, and names those that are missing', async () => {
    const arn = await harness.run('one');
    const ask = (tasks: string[]) => harness.ecs.send(new DescribeTasksCommand({ cluster, tasks }));
    const unknown = '0'.repeat(32);
    const { tasks, failures } = await ask([arn, arn.split('/').at(-1) ?? '', unknown]);
    expect(tasks?.map(({ taskArn }) => taskArn)).toEqual([arn, arn]);
    expect(failures).toEqual([{ arn: expect.stringMatching(`:task/simulated/${unknown}$`), reason: 'MISSING' }]);
    const many = Array.from({ length: 101 }, () => unknown);
    await expect(ask(many)).rejects.toMatchObject({ name: 'InvalidParameterException' });
    await expect(ask([])).rejects.toMatchObject({ name: 'InvalidParameterException' });
  });
});
