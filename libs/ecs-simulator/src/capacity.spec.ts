import {
  DescribeAutoScalingInstancesCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import {
  CreateCapacityProviderCommand,
  DescribeCapacityProvidersCommand,
  DescribeClustersCommand,
  DescribeContainerInstancesCommand,
  ListContainerInstancesCommand,
  PutClusterCapacityProvidersCommand,
  RunTaskCommand,
  UpdateContainerInstancesStateCommand,
} from '@aws-sdk/client-ecs';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { AutoScalingGroupSettings, SimulatorSettings } from './settings.ts';
import { eventually, exits, GPU_GROUP, startHarness, type Harness } from './testing/simulator-harness.ts';

let harness: Harness;
let cluster: string;
afterEach(() => harness.close());

async function start(
  group: Partial<AutoScalingGroupSettings> = {},
  more: Partial<SimulatorSettings> = {},
): Promise<void> {
  harness = await startHarness({ autoScalingGroups: [{ ...GPU_GROUP, ...group }], ...more });
  cluster = harness.simulator.clusterArn;
  await harness.define('gpu', [{ name: 'main', resourceRequirements: [{ type: 'GPU', value: '1' }] }]);
}
const theInstance = () => eventually(() => harness.simulator.instances[0] ?? null);

describe('instances', () => {
  it('start on demand up to the maximum, and the next task waits for a free GPU', async () => {
    await start({ max: 2 });
    expect(harness.simulator.instances).toEqual([]);
    const [first, second, third] = [await harness.run('gpu'), await harness.run('gpu'), await harness.run('gpu')];
    await harness.reaches(first, 'RUNNING');
    const { containerInstanceArn } = await harness.reaches(second, 'RUNNING');
    expect(harness.simulator.instances).toHaveLength(2);
    expect((await harness.describe(third)).lastStatus).toBe('PROVISIONING');
    harness.simulator.setFate(second, 'obeys');
    const { instanceId = '' } = harness.simulator.instances.find(({ taskArns }) => taskArns.includes(second)) ?? {};
    harness.simulator.terminate(instanceId);
    const placed = await harness.reaches(third, 'RUNNING');
    expect(placed.containerInstanceArn).not.toBe(containerInstanceArn);
  });

  it('shrink to none when idle, and keep what runs', async () => {
    await start({ idleShrinkMs: 20 });
    harness.program('any', exits(0));
    await harness.reaches(await harness.run('gpu'), 'STOPPED');
    await eventually(() => harness.simulator.instances.length === 0);
  });

  it('do not start for a task that fits none of them, which times out', async () => {
    await start({}, { provisioningTimeoutMs: 30 });
    await harness.define('two', [{ name: 'main', resourceRequirements: [{ type: 'GPU', value: '2' }] }]);
    const task = await harness.reaches(await harness.run('two'), 'STOPPED');
    expect(task).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason: 'EMPTY CAPACITY PROVIDER' });
    expect(harness.simulator.instances).toEqual([]);
  });

  it('do not start without capacity; the task times out or runs once there is some', async () => {
    await start({}, { provisioningTimeoutMs: 100 });
    harness.simulator.noCapacity('gpu', true);
    const late = await harness.reaches(await harness.run('gpu'), 'STOPPED');
    expect(late.stopCode).toBe('TaskFailedToStart');
    const arn = await harness.run('gpu');
    harness.simulator.noCapacity('gpu', false);
    await harness.reaches(arn, 'RUNNING');
  });

  it('that are full say what is missing when the time is over', async () => {
    await start({ max: 1 }, { provisioningTimeoutMs: 60 });
    await harness.reaches(await harness.run('gpu'), 'RUNNING');
    const task = await harness.reaches(await harness.run('gpu'), 'STOPPED');
    expect(task).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason: 'RESOURCE:GPU' });
  });
});

describe('a host that is lost', () => {
  it('is announced when Spot takes it back, and stops its tasks without exit codes', async () => {
    await start({ spot: true });
    const arn = await harness.run('gpu');
    await harness.reaches(arn, 'RUNNING');
    const { instanceId } = await theInstance();
    harness.simulator.reclaim(instanceId, { noticeMs: 20 });
    const warning = await eventually(() => harness.events.find(({ source }) => source === 'aws.ec2') ?? null);
    expect(warning).toMatchObject({
      'detail-type': 'EC2 Spot Instance Interruption Warning',
      detail: { 'instance-id': instanceId, 'instance-action': 'terminate' },
    });
    const task = await harness.reaches(arn, 'STOPPED');
    expect(task).toMatchObject({
      stopCode: 'SpotInterruption',
      stoppedReason: `Host EC2 (instance ${instanceId}) terminated.`,
      containers: [{ lastStatus: 'STOPPED' }],
    });
    expect(task.containers?.[0]?.exitCode).toBeUndefined();
    expect(harness.simulator.instances).toEqual([]);
  });

  it('ends through Auto Scaling, which answers before it is gone', async () => {
    await start({}, { terminationMs: 30 });
    const arn = await harness.run('gpu');
    await harness.reaches(arn, 'RUNNING');
    const { instanceId } = await theInstance();
    const terminate = () =>
      harness.autoScaling.send(
        new TerminateInstanceInAutoScalingGroupCommand({
          InstanceId: instanceId,
          ShouldDecrementDesiredCapacity: true,
        }),
      );
    const { Activity } = await terminate();
    expect(Activity).toMatchObject({ AutoScalingGroupName: 'gpu-group', StatusCode: 'InProgress' });
    const ask = new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] });
    const { AutoScalingInstances } = await harness.autoScaling.send(ask);
    expect(AutoScalingInstances).toMatchObject([{ InstanceId: instanceId, LifecycleState: 'Terminating' }]);
    const task = await harness.reaches(arn, 'STOPPED');
    expect(task.stopCode).toBe('TerminationNotice');
    expect((await harness.autoScaling.send(ask)).AutoScalingInstances).toEqual([]);
    await expect(terminate()).rejects.toMatchObject({ name: 'ValidationError' });
  });
});

describe('container instances', () => {
  it('are found by their EC2 id and drained without stopping a task', async () => {
    await start();
    const arn = await harness.run('gpu');
    const { containerInstanceArn = '' } = await harness.reaches(arn, 'RUNNING');
    const { instanceId } = await theInstance();
    const list = (filter?: string) => harness.ecs.send(new ListContainerInstancesCommand({ cluster, filter }));
    expect((await list(`ec2InstanceId == ${instanceId}`)).containerInstanceArns).toEqual([containerInstanceArn]);
    expect((await list(`ec2InstanceId in [i-0, ${instanceId}]`)).containerInstanceArns).toEqual([containerInstanceArn]);
    expect((await list('ec2InstanceId == i-0123')).containerInstanceArns).toEqual([]);
    await expect(list('agentConnected == true')).rejects.toMatchObject({ name: 'InvalidParameterException' });

    const containerInstances = [containerInstanceArn];
    const drain = new UpdateContainerInstancesStateCommand({ cluster, containerInstances, status: 'DRAINING' });
    expect((await harness.ecs.send(drain)).containerInstances).toMatchObject([{ status: 'DRAINING' }]);
    await harness.define('small', [{ name: 'main' }]);
    const elsewhere = await harness.reaches(await harness.run('small'), 'RUNNING');
    expect(elsewhere.containerInstanceArn).not.toBe(containerInstanceArn);
    expect((await harness.describe(arn)).lastStatus).toBe('RUNNING');
    expect(harness.simulator.instances).toHaveLength(2);

    const ask = { cluster, containerInstances: [...containerInstances, 'gone'] };
    const described = await harness.ecs.send(new DescribeContainerInstancesCommand(ask));
    expect(described.failures).toMatchObject([{ reason: 'MISSING' }]);
    expect(described.containerInstances).toMatchObject([
      { ec2InstanceId: instanceId, runningTasksCount: 1, capacityProviderName: 'gpu' },
    ]);
  });
});

describe('clusters and capacity providers', () => {
  it('are made and joined through the API', async () => {
    const { capacityProvider: _, ...group } = GPU_GROUP;
    await start({}, { autoScalingGroups: [group] });
    const autoScalingGroupArn = harness.simulator.autoScalingGroupArn('gpu-group');
    const create = (name: string) => {
      const autoScalingGroupProvider = { autoScalingGroupArn, managedScaling: { status: 'ENABLED' as const } };
      return harness.ecs.send(new CreateCapacityProviderCommand({ name, autoScalingGroupProvider }));
    };
    expect((await create('own')).capacityProvider).toMatchObject({ name: 'own', status: 'ACTIVE' });
    await expect(create('own')).rejects.toMatchObject({ name: 'ClientException' });
    await expect(create('aws-like')).rejects.toMatchObject({ name: 'ClientException' });
    const unjoined = harness.run('gpu', { capacityProviderStrategy: [{ capacityProvider: 'own', weight: 1 }] });
    await expect(unjoined).rejects.toMatchObject({ name: 'InvalidParameterException' });
    const join = {
      cluster,
      capacityProviders: ['own'],
      defaultCapacityProviderStrategy: [{ capacityProvider: 'own', weight: 1 }],
    };
    await harness.ecs.send(new PutClusterCapacityProvidersCommand(join));
    const { tasks } = await harness.ecs.send(new RunTaskCommand({ cluster, taskDefinition: 'gpu' }));
    await harness.reaches(tasks?.[0]?.taskArn ?? '', 'RUNNING');
    const described = await harness.ecs.send(new DescribeClustersCommand({ clusters: [cluster, 'none'] }));
    expect(described.clusters).toMatchObject([{ runningTasksCount: 1, registeredContainerInstancesCount: 1 }]);
    expect(described.failures).toMatchObject([{ reason: 'MISSING' }]);
    const ask = new DescribeCapacityProvidersCommand({ capacityProviders: ['own', 'none'] });
    const providers = await harness.ecs.send(ask);
    expect(providers).toMatchObject({ capacityProviders: [{ name: 'own' }], failures: [{ reason: 'MISSING' }] });
  });

  it('share tasks by base and weight', async () => {
    const group = (name: string) => ({ ...GPU_GROUP, name, capacityProvider: name });
    harness = await startHarness({ autoScalingGroups: [group('spot'), group('steady')] });
    cluster = harness.simulator.clusterArn;
    await harness.define('one', [{ name: 'main' }]);
    const capacityProviderStrategy = [
      { capacityProvider: 'steady', base: 1, weight: 1 },
      { capacityProvider: 'spot', weight: 2 },
    ];
    const ask = { cluster, taskDefinition: 'one', count: 7, capacityProviderStrategy };
    const { tasks = [] } = await harness.ecs.send(new RunTaskCommand(ask));
    const on = (name: string) => tasks.filter(({ capacityProviderName }) => capacityProviderName === name).length;
    expect([on('steady'), on('spot')]).toEqual([3, 4]);
  });
});
