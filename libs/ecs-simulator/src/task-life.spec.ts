import { DescribeTasksCommand, ListTasksCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OutOfMemory } from './index.ts';
import {
  containerOf,
  eventually,
  exits,
  GPU_GROUP,
  startHarness,
  stubborn,
  untilStopped,
  type Harness,
} from './testing/simulator-harness.ts';

let harness: Harness;
let cluster: string;
beforeEach(async () => {
  harness = await startHarness();
  cluster = harness.simulator.clusterArn;
});
afterEach(() => harness.close());

const states = (taskArn: string) => {
  const seen = harness.events.filter((event) => event.resources[0] === taskArn).map(({ detail }) => detail);
  return seen.map((detail) => String(detail['lastStatus'])).filter((state, at, all) => state !== all[at - 1]);
};

describe('the life of a task', () => {
  it('goes through every state of ECS, with a higher version each time', async () => {
    harness.program('quick', exits(0));
    await harness.define('one', [{ name: 'main', image: 'quick' }]);
    const arn = await harness.run('one', { startedBy: 'job/1' });
    const task = await harness.reaches(arn, 'STOPPED');
    expect(task).toMatchObject({
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      startedBy: 'job/1',
      capacityProviderName: 'gpu',
      group: 'family:one',
    });
    expect(containerOf(task, 'main')).toMatchObject({ lastStatus: 'STOPPED', exitCode: 0 });
    for (const at of [task.createdAt, task.startedAt, task.stoppingAt, task.executionStoppedAt, task.stoppedAt])
      expect(at?.getTime()).toBeGreaterThan(Date.now() - 60_000);
    const all = 'PROVISIONING PENDING ACTIVATING RUNNING DEACTIVATING STOPPING DEPROVISIONING STOPPED';
    expect(await eventually(() => states(arn).at(-1) === 'STOPPED' && states(arn))).toEqual(all.split(' '));
    const versions = harness.events.map(({ detail }) => Number(detail['version']));
    expect(versions).toEqual(versions.map((_, index) => index + 1));
    expect(task.version).toBe(versions.at(-1));
  });

  it('is not RUNNING while a container still waits for another, as the agent reports it', async () => {
    await harness.define('waiting', [
      { name: 'first', image: 'first', essential: false },
      { name: 'last', image: 'last', dependsOn: [{ containerName: 'first', condition: 'COMPLETE' }] },
    ]);
    let finish = () => {};
    harness.program('first', () => new Promise((resolve) => (finish = () => resolve(3))));
    const arn = await harness.run('waiting');
    const task = await eventually(async () => {
      const seen = await harness.describe(arn);
      return containerOf(seen, 'first').lastStatus === 'RUNNING' && seen;
    });
    expect(task.lastStatus).toBe('PENDING');
    expect(containerOf(task, 'last').lastStatus).toBe('PENDING');
    finish();
    const running = await harness.reaches(arn, 'RUNNING');
    expect(containerOf(running, 'first')).toMatchObject({ lastStatus: 'STOPPED', exitCode: 3 });
  });

  it('stops when asked, asynchronously, with the reason of the first who asked', async () => {
    await harness.define('one', [{ name: 'main' }]);
    const arn = await harness.run('one');
    await harness.reaches(arn, 'RUNNING');
    const stop = (reason: string) => harness.ecs.send(new StopTaskCommand({ cluster, task: arn, reason }));
    const { task: answered } = await stop('deadline');
    expect(answered).toMatchObject({ lastStatus: 'RUNNING', desiredStatus: 'STOPPED' });
    await stop('again');
    const task = await harness.reaches(arn, 'STOPPED');
    expect(task).toMatchObject({ stopCode: 'UserInitiated', stoppedReason: 'deadline' });
    expect(containerOf(task, 'main').exitCode).toBe(143);
    await stop('after the end');
    await expect(stop('x'.repeat(256))).rejects.toMatchObject({ name: 'InvalidParameterException' });
    const unknown = new StopTaskCommand({ cluster, task: '0'.repeat(32) });
    await expect(harness.ecs.send(unknown)).rejects.toMatchObject({ name: 'InvalidParameterException' });
  });

  it('stops while it waits for an instance, without ever starting a container', async () => {
    // The instance is ready between the StopTask and the end of the task.
    await harness.close();
    const autoScalingGroups = [{ ...GPU_GROUP, coldStartMs: 50 }];
    harness = await startHarness({ autoScalingGroups, transitionMs: 100 });
    await harness.define('one', [{ name: 'main' }]);
    const arn = await harness.run('one');
    await eventually(() => harness.simulator.instances.length === 1);
    await harness.ecs.send(new StopTaskCommand({ cluster, task: arn, reason: 'cancelled' }));
    const task = await harness.reaches(arn, 'STOPPED');
    expect(task).toMatchObject({ stopCode: 'UserInitiated', containers: [{ lastStatus: 'STOPPED' }] });
    expect(task.containerInstanceArn).toBeUndefined();
    expect(containerOf(task, 'main').exitCode).toBeUndefined();
  });

  it('ends a container that ignores SIGTERM after its stopTimeout, with 137', async () => {
    await harness.define('one', [{ name: 'main', image: 'stubborn', stopTimeout: 1 }]);
    harness.program('stubborn', stubborn);
    const arn = await harness.run('one');
    await harness.reaches(arn, 'RUNNING');
    await harness.ecs.send(new StopTaskCommand({ cluster, task: arn }));
    const task = await harness.reaches(arn, 'STOPPED');
    expect(containerOf(task, 'main').exitCode).toBe(137);
    expect(containerOf(task, 'main').reason).toBeUndefined();
    expect(task.stoppedReason).toBe('Task stopped by user');
  });

  it('says so when a container used too much memory', async () => {
    await harness.define('one', [{ name: 'main', image: 'greedy' }]);
    harness.program('greedy', async () => {
      throw new OutOfMemory();
    });
    const task = await harness.reaches(await harness.run('one'), 'STOPPED');
    expect(containerOf(task, 'main')).toMatchObject({
      exitCode: 137,
      reason: 'OutOfMemoryError: Container killed due to memory usage',
    });
  });

  it('is MISSING a while after it stopped', async () => {
    await harness.close();
    let nowMs = Date.now();
    harness = await startHarness({ stoppedTaskTtlMs: 3_600_000, nowMs: () => nowMs });
    harness.program('quick', exits(0));
    await harness.define('one', [{ name: 'main', image: 'quick' }]);
    const arn = await harness.run('one');
    await harness.reaches(arn, 'STOPPED');
    nowMs += 3_600_001;
    const { tasks, failures } = await harness.ecs.send(new DescribeTasksCommand({ cluster, tasks: [arn] }));
    expect({ tasks, failures }).toEqual({ tasks: [], failures: [{ arn, reason: 'MISSING' }] });
    const listed = await harness.ecs.send(new ListTasksCommand({ cluster, desiredStatus: 'STOPPED' }));
    expect(listed.taskArns).toEqual([]);
  });
});

describe('containers of a task', () => {
  it('start after what they depend on and are stopped in the reverse order', async () => {
    const order: string[] = [];
    const noted = (name: string) =>
      harness.program(name, async (run) => {
        order.push(`${name} starts`);
        const code = await untilStopped(0)(run);
        order.push(`${name} ends`);
        return code;
      });
    for (const name of ['base', 'middle', 'top']) noted(name);
    await harness.define('tower', [
      { name: 'base', image: 'base' },
      { name: 'top', image: 'top', dependsOn: [{ containerName: 'middle', condition: 'START' }] },
      { name: 'middle', image: 'middle', dependsOn: [{ containerName: 'base', condition: 'START' }] },
    ]);
    const arn = await harness.run('tower');
    await harness.reaches(arn, 'RUNNING');
    await harness.ecs.send(new StopTaskCommand({ cluster, task: arn }));
    await harness.reaches(arn, 'STOPPED');
    expect(order).toEqual(['base starts', 'middle starts', 'top starts', 'top ends', 'middle ends', 'base ends']);
  });

  it('that still wait are never started once the task is to stop, and have no exit code', async () => {
    await harness.define('waiting', [
      { name: 'first', image: 'first', essential: false },
      { name: 'last', dependsOn: [{ containerName: 'first', condition: 'COMPLETE' }] },
    ]);
    const arn = await harness.run('waiting');
    await eventually(async () => containerOf(await harness.describe(arn), 'first').lastStatus === 'RUNNING');
    await harness.ecs.send(new StopTaskCommand({ cluster, task: arn }));
    const task = await harness.reaches(arn, 'STOPPED');
    expect(containerOf(task, 'first').exitCode).toBe(143);
    expect(containerOf(task, 'last')).toMatchObject({ lastStatus: 'STOPPED' });
    expect(containerOf(task, 'last').exitCode).toBeUndefined();
    expect(states(arn)).not.toContain('RUNNING');
  });

  it('end with an essential one, each with its own exit code', async () => {
    harness.program('fails', exits(4));
    harness.program('side', untilStopped(7));
    await harness.define('two', [
      { name: 'main', image: 'fails', dependsOn: [{ containerName: 'side', condition: 'START' }] },
      { name: 'side', image: 'side', essential: false },
    ]);
    const task = await harness.reaches(await harness.run('two'), 'STOPPED');
    expect(task.stopCode).toBe('EssentialContainerExited');
    expect([containerOf(task, 'main').exitCode, containerOf(task, 'side').exitCode]).toEqual([4, 7]);
  });

  it('are never started after one that should have succeeded and did not, in a chain', async () => {
    harness.program('input', exits(10));
    await harness.define('chain', [
      { name: 'input', image: 'input', essential: false },
      { name: 'model', essential: false, dependsOn: [{ containerName: 'input', condition: 'SUCCESS' }] },
      { name: 'output', dependsOn: [{ containerName: 'model', condition: 'COMPLETE' }] },
    ]);
    const task = await harness.reaches(await harness.run('chain'), 'STOPPED');
    expect(containerOf(task, 'input').exitCode).toBe(10);
    const never = 'CannotStartContainerError: dependency graph: failed to resolve container ordering dependency';
    for (const name of ['model', 'output']) {
      expect(containerOf(task, name)).toMatchObject({ exitCode: 143, reason: expect.stringContaining(never) });
      expect(containerOf(task, name).runtimeId).toBeUndefined();
    }
    expect(task.stopCode).toBe('EssentialContainerExited');
  });

  it('go on without a non-essential one whose image is missing', async () => {
    harness.engine.imageIsMissing('nowhere', true);
    await harness.define('two', [{ name: 'main' }, { name: 'side', image: 'nowhere', essential: false }]);
    const arn = await harness.run('two');
    const task = await harness.reaches(arn, 'RUNNING');
    expect(containerOf(task, 'side')).toMatchObject({
      lastStatus: 'STOPPED',
      reason: expect.stringMatching(/^CannotPullContainerError: .*not found/),
    });
    expect(containerOf(task, 'side').exitCode).toBeUndefined();
  });

  it('never start after one whose image is missing, whatever the condition', async () => {
    harness.engine.imageIsMissing('nowhere', true);
    await harness.define('two', [
      { name: 'model', image: 'nowhere', essential: false },
      { name: 'output', dependsOn: [{ containerName: 'model', condition: 'COMPLETE' }] },
    ]);
    const task = await harness.reaches(await harness.run('two'), 'STOPPED');
    expect(containerOf(task, 'output')).toMatchObject({
      exitCode: 143,
      reason: expect.stringContaining('because dependency will never start'),
    });
  });

  it('stop the task before it started when an essential image is missing', async () => {
    harness.engine.imageIsMissing('nowhere', true);
    await harness.define('one', [{ name: 'main', image: 'nowhere' }]);
    const task = await harness.reaches(await harness.run('one'), 'STOPPED');
    expect(task).toMatchObject({
      stopCode: 'TaskFailedToStart',
      stoppedReason: expect.stringContaining('CannotPullContainerError'),
    });
    expect(task.startedAt).toBeUndefined();
  });
});
