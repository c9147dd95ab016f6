import {
  ConflictException,
  CreateClusterCommand,
  DeregisterTaskDefinitionCommand,
  DescribeTasksCommand,
  PutClusterCapacityProvidersCommand,
  RunTaskCommand,
  type RunTaskCommandInput,
} from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ContainerPlan } from './container-engine.ts';
import { exits, runInput, startHarness, type Harness } from './testing/simulator-harness.ts';

const HOUR_MS = 3_600_000;

let harness: Harness;
let cluster: string;
let nowMs: number;
beforeEach(async () => {
  nowMs = Date.now();
  harness = await startHarness({ nowMs: () => nowMs, provisioningTasksMax: 12 });
  cluster = harness.simulator.clusterArn;
  await harness.define('one', [{ name: 'main' }]);
});
afterEach(() => harness.close());

const send = (more: Partial<RunTaskCommandInput>) =>
  harness.ecs.send(new RunTaskCommand({ ...runInput(cluster, 'one'), ...more }));
const namesAndArns = async (more: Partial<RunTaskCommandInput>) =>
  (await send(more)).tasks?.map((task) => task.taskArn);

describe('RunTask refuses', () => {
  const refused: readonly [string, Partial<RunTaskCommandInput>, string][] = [
    ['no task', { count: 0 }, 'InvalidParameterException'],
    ['eleven tasks', { count: 11 }, 'InvalidParameterException'],
    ['an unknown cluster', { cluster: 'nowhere' }, 'ClusterNotFoundException'],
    ['an unknown task definition', { taskDefinition: 'nothing:1' }, 'ClientException'],
    ['a startedBy with other characters', { startedBy: 'job 1' }, 'InvalidParameterException'],
    ['a startedBy of 129 characters', { startedBy: 'x'.repeat(129) }, 'InvalidParameterException'],
    ['a clientToken of 65 characters', { clientToken: 'x'.repeat(65) }, 'InvalidParameterException'],
    ['a clientToken with a space', { clientToken: 'a b' }, 'InvalidParameterException'],
    ['a launch type beside a strategy', { launchType: 'EC2' }, 'InvalidParameterException'],
    ['propagated tags of a service', { propagateTags: 'SERVICE' }, 'InvalidParameterException'],
    [
      'a strategy without weight',
      { capacityProviderStrategy: [{ capacityProvider: 'gpu' }] },
      'InvalidParameterException',
    ],
    [
      'a provider that is not of the cluster',
      { capacityProviderStrategy: [{ capacityProvider: 'other', weight: 1 }] },
      'InvalidParameterException',
    ],
    [
      'an override of an unknown container',
      { overrides: { containerOverrides: [{ name: 'mian' }] } },
      'InvalidParameterException',
    ],
    [
      'overrides of more than 8,192 characters',
      { overrides: { containerOverrides: [{ name: 'main', command: ['x'.repeat(8_192)] }] } },
      'InvalidParameterException',
    ],
    ['what is not simulated', { enableExecuteCommand: true }, 'ClientException'],
  ];
  it.each(refused)('%s', async (_, more, name) => {
    await expect(send(more)).rejects.toMatchObject({ name, $metadata: { httpStatusCode: 400 } });
  });

  it('a task definition that was deregistered', async () => {
    await harness.ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: 'one:1' }));
    await expect(send({ taskDefinition: 'one:1' })).rejects.toMatchObject({ name: 'ClientException' });
    await expect(send({ taskDefinition: 'one' })).rejects.toMatchObject({ name: 'ClientException' });
  });

  it('more tasks in PROVISIONING than ECS allows', async () => {
    harness.simulator.noCapacity('gpu', true);
    await send({ count: 10 });
    await expect(send({ count: 3 })).rejects.toMatchObject({ name: 'ClientException' });
    await send({ count: 2 });
  });

  it('to place a task by launch type where no instance is, or none with room', async () => {
    const byLaunchType = { capacityProviderStrategy: undefined, launchType: 'EC2' as const };
    await expect(send(byLaunchType)).rejects.toMatchObject({ name: 'InvalidParameterException' });
    await harness.reaches(await harness.run('one'), 'RUNNING');
    expect((await send(byLaunchType)).tasks).toHaveLength(1);
    await harness.define('large', [{ name: 'main', memory: 7_900 }]);
    const { tasks, failures } = await send({ ...byLaunchType, taskDefinition: 'large' });
    expect({ tasks, failures }).toMatchObject({ tasks: [], failures: [{ reason: 'RESOURCE:MEMORY' }] });
  });

  it('one of several tasks when a test orders it, and says so in failures', async () => {
    harness.simulator.failNextRunTask('AGENT');
    const { tasks, failures } = await send({ count: 3 });
    expect(tasks).toHaveLength(2);
    expect(failures).toMatchObject([{ reason: 'AGENT' }]);
  });
});

describe('a clientToken', () => {
  it('gives the same answer for the same parameters, also after the task stopped', async () => {
    harness.program('any', exits(0));
    const first = await send({ clientToken: 'token', startedBy: 'job' });
    const arn = first.tasks?.[0]?.taskArn ?? '';
    await harness.reaches(arn, 'STOPPED');
    const { $metadata: _, ...again } = await send({ startedBy: 'job', clientToken: 'token' });
    expect(again).toEqual({ tasks: first.tasks, failures: first.failures });
  });

  it('is a conflict with other parameters, which names the task that there is', async () => {
    const first = await namesAndArns({ clientToken: 'token' });
    const conflict = await send({ clientToken: 'token', startedBy: 'other' }).catch((error: unknown) => error);
    expect(conflict).toBeInstanceOf(ConflictException);
    expect(conflict).toMatchObject({ resourceIds: first });
  });

  it('belongs to its cluster and to its exact letters', async () => {
    const [first] = (await namesAndArns({ clientToken: 'token' })) ?? [];
    const [other] = (await namesAndArns({ clientToken: 'Token' })) ?? [];
    expect(other).not.toBe(first);
    await harness.ecs.send(new CreateClusterCommand({ clusterName: 'second' }));
    const put = { cluster: 'second', capacityProviders: ['gpu'], defaultCapacityProviderStrategy: [] };
    await harness.ecs.send(new PutClusterCapacityProvidersCommand(put));
    const [second] = (await namesAndArns({ clientToken: 'token', cluster: 'second' })) ?? [];
    expect(second).toContain(':task/second/');
  });

  it('lives until an hour after its task ended', async () => {
    harness.program('any', exits(0));
    const [arn] = (await namesAndArns({ clientToken: 'token' })) ?? [];
    await harness.reaches(arn ?? '', 'STOPPED');
    nowMs += HOUR_MS;
    expect(await namesAndArns({ clientToken: 'token' })).toEqual([arn]);
    nowMs += 1;
    expect(await namesAndArns({ clientToken: 'token' })).not.toEqual([arn]);
  });

  it('lives no longer than a day while its task runs', async () => {
    const [arn] = (await namesAndArns({ clientToken: 'token' })) ?? [];
    await harness.reaches(arn ?? '', 'RUNNING');
    nowMs += 24 * HOUR_MS;
    expect(await namesAndArns({ clientToken: 'token' })).toEqual([arn]);
    nowMs += 1;
    expect(await namesAndArns({ clientToken: 'token' })).not.toEqual([arn]);
  });
});

describe('what RunTask is given', () => {
  it('reaches the engine, with overrides applied', async () => {
    let plan: ContainerPlan | null = null;
    harness.program('sees', async (run) => {
      plan = run.plan;
      return 0;
    });
    await harness.define('full', [
      {
        name: 'main',
        image: 'sees',
        entryPoint: ['sh'],
        command: ['-c', 'old'],
        environment: [
          { name: 'KEPT', value: '1' },
          { name: 'CHANGED', value: '1' },
        ],
        user: '65532:65532',
        readonlyRootFilesystem: true,
        disableNetworking: true,
        memory: 200,
        cpu: 512,
        ulimits: [{ name: 'nofile', softLimit: 10, hardLimit: 20 }],
        linuxParameters: {
          initProcessEnabled: true,
          sharedMemorySize: 64,
          capabilities: { drop: ['ALL'] },
          tmpfs: [{ containerPath: '/tmp', size: 16, mountOptions: ['noexec'] }],
        },
        dockerSecurityOptions: ['no-new-privileges'],
      },
    ]);
    const environment = [{ name: 'CHANGED', value: '2' }];
    const overrides = { containerOverrides: [{ name: 'main', command: ['-c', 'new'], environment, memory: 300 }] };
    const task = await harness.reaches(await harness.run('full', { overrides }), 'STOPPED');
    expect(plan).toEqual({
      taskId: task.taskArn?.split('/').at(-1),
      name: 'main',
      image: 'sees',
      entryPoint: ['sh'],
      command: ['-c', 'new'],
      workingDirectory: null,
      environment: {
        KEPT: '1',
        CHANGED: '2',
        ECS_CONTAINER_METADATA_URI_V4: expect.stringMatching(/:\d+\/v4\/.{32}$/),
      },
      user: '65532:65532',
      readonlyRootFilesystem: true,
      network: 'none',
      memoryMiB: 300,
      cpuUnits: 512,
      mounts: [],
      tmpfs: [{ containerPath: '/tmp', sizeMiB: 16, options: ['noexec'] }],
      sharedMemoryMiB: 64,
      ulimits: [{ name: 'nofile', soft: 10, hard: 20 }],
      capabilitiesDropped: ['ALL'],
      securityOptions: ['no-new-privileges'],
      initProcessEnabled: true,
    });
    expect(task.overrides).toMatchObject(overrides);
    expect(task).toMatchObject({ memory: '300', cpu: '512' });
  });

  it('shows tags where they are asked for', async () => {
    const arn = await harness.run('one', { tags: [{ key: 'owner', value: 'tests' }] });
    const ask = (include: 'TAGS'[]) => harness.ecs.send(new DescribeTasksCommand({ cluster, tasks: [arn], include }));
    expect((await ask(['TAGS'])).tasks?.[0]?.tags).toEqual([{ key: 'owner', value: 'tests' }]);
    expect((await ask([])).tasks?.[0]?.tags).toBeUndefined();
  });
});
