import { AutoScalingClient, DescribeAutoScalingInstancesCommand } from '@aws-sdk/client-auto-scaling';
import { ECSClient, ListTasksCommand, RunTaskCommand, ServerException, StopTaskCommand } from '@aws-sdk/client-ecs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createFaultPlan, type CallFate } from './fault-plan.ts';
import {
  containerOf,
  eventually,
  runInput,
  startHarness,
  stubborn,
  type Harness,
} from './testing/simulator-harness.ts';

const SEED = Date.now() % 1_000_000;
let harness: Harness;
let cluster: string;
beforeAll(() => void process.stdout.write(`ecs-simulator: faults.spec seed ${SEED}\n`));
beforeEach(async () => {
  harness = await startHarness();
  cluster = harness.simulator.clusterArn;
  await harness.define('one', [{ name: 'main' }]);
});
afterEach(() => harness.close());

const list = async () => (await harness.ecs.send(new ListTasksCommand({ cluster }))).taskArns ?? [];

describe('a fault plan', () => {
  it('gives the same faults for the same seed, whatever other kinds are asked between', () => {
    const rates = { seed: SEED, eventLostRate: 0.3, eventDelayedRate: 0.3, throttledRate: 0.5, zombieRate: 0.5 };
    const [one, other] = [createFaultPlan(rates), createFaultPlan(rates)];
    const events = Array.from({ length: 200 }, () => one.forEvent());
    const disturbed = Array.from({ length: 200 }, () => {
      other.forCall('RunTask');
      other.forTask();
      return other.forEvent();
    });
    expect(disturbed).toEqual(events);
    expect(createFaultPlan({ ...rates, seed: SEED + 7 }).forEvent).not.toBe(one.forEvent);
    const again = createFaultPlan({ ...rates, seed: SEED + 7 });
    expect(Array.from({ length: 200 }, () => again.forEvent())).not.toEqual(events);
  });

  it('keeps to its rates', () => {
    const plan = createFaultPlan({ seed: SEED, throttledRate: 0.25, answerLostRate: 0.25 });
    const fates = Array.from({ length: 4_000 }, () => plan.forCall('RunTask'));
    for (const fate of ['throttled', 'answer_lost']) {
      const rate = fates.filter((each) => each === fate).length / fates.length;
      expect({ fate, near: Math.abs(rate - 0.25) < 0.05 }).toEqual({ fate, near: true });
    }
    expect(fates).not.toContain('server_error');
  });
});

describe('calls that go wrong', () => {
  it('are throttled without an effect, only for the operations that are named', async () => {
    harness.simulator.useFaults(createFaultPlan({ seed: SEED, throttledRate: 1, operations: ['RunTask'] }));
    const error = await harness.run('one').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'ThrottlingException', $metadata: { httpStatusCode: 400 } });
    expect(await list()).toEqual([]);
  });

  it('fail on the side of the server without an effect', async () => {
    harness.simulator.useFaults(createFaultPlan({ seed: SEED, serverErrorRate: 1, operations: ['RunTask'] }));
    await expect(harness.run('one')).rejects.toBeInstanceOf(ServerException);
    expect(await list()).toEqual([]);
  });

  it('have their effect although the answer never comes', async () => {
    harness.simulator.useFaults(createFaultPlan({ seed: SEED, answerLostRate: 1, operations: ['RunTask'] }));
    const token = { ...runInput(cluster, 'one'), clientToken: 'token' };
    await expect(harness.ecs.send(new RunTaskCommand(token))).rejects.toMatchObject({ code: 'ECONNRESET' });
    harness.simulator.useFaults(null);
    const [arn] = await list();
    const { tasks } = await harness.ecs.send(new RunTaskCommand(token));
    expect(tasks?.[0]?.taskArn).toBe(arn);
  });

  it('are mended by the retries of the SDK, which sends the same clientToken again', async () => {
    const { url } = harness.simulator;
    const credentials = { accessKeyId: 'simulated', secretAccessKey: 'simulated' };
    const client = { endpoint: url, region: 'us-east-1', credentials, maxAttempts: 4 };
    const [ecs, autoScaling] = [new ECSClient(client), new AutoScalingClient(client)];
    const script: CallFate[] = ['answer_lost', 'throttled', 'served', 'server_error', 'served'];
    const plan = createFaultPlan({ seed: SEED });
    harness.simulator.useFaults({ ...plan, forCall: () => script.shift() ?? 'served' });
    const { tasks } = await ecs.send(new RunTaskCommand(runInput(cluster, 'one')));
    await autoScaling.send(new DescribeAutoScalingInstancesCommand({}));
    expect(script).toEqual([]);
    expect(await list()).toEqual([tasks?.[0]?.taskArn]);
    ecs.destroy();
    autoScaling.destroy();
  });
});

describe('a zombie', () => {
  it('runs on after the task is STOPPED, until it is ended', async () => {
    harness.simulator.useFaults(createFaultPlan({ seed: SEED, zombieRate: 1 }));
    let killed = false;
    harness.program('any', (run) => {
      run.killed.addEventListener('abort', () => (killed = true), { once: true });
      return stubborn(run);
    });
    const arn = await harness.run('one');
    await harness.reaches(arn, 'RUNNING');
    await harness.ecs.send(new StopTaskCommand({ cluster, task: arn }));
    const task = await harness.reaches(arn, 'STOPPED');
    expect(containerOf(task, 'main')).toMatchObject({ lastStatus: 'STOPPED', exitCode: 137 });
    expect([killed, harness.engine.runningCount]).toEqual([false, 1]);
    await harness.simulator.endZombies();
    expect(killed).toBe(true);
  });

  it('outlives its host', async () => {
    const arn = await harness.run('one');
    harness.simulator.setFate(arn, 'zombie');
    await harness.reaches(arn, 'RUNNING');
    harness.simulator.terminate(harness.simulator.instances[0]?.instanceId ?? '');
    expect((await harness.describe(arn)).lastStatus).toBe('STOPPED');
    expect(harness.engine.runningCount).toBe(1);
    await harness.simulator.endZombies();
    await eventually(() => harness.engine.runningCount === 0);
  });
});

describe('a task that ignores StopTask', () => {
  it('stays RUNNING until its instance is terminated', async () => {
    const arn = await harness.run('one');
    harness.simulator.setFate(arn, 'ignores_stop');
    await harness.reaches(arn, 'RUNNING');
    await harness.ecs.send(new StopTaskCommand({ cluster, task: arn, reason: 'deadline' }));
    await harness.ecs.send(new StopTaskCommand({ cluster, task: arn, reason: 'deadline' }));
    // Another task comes and goes meanwhile, so there was time for this one to stop.
    const other = await harness.run('one');
    await harness.reaches(other, 'RUNNING');
    await harness.ecs.send(new StopTaskCommand({ cluster, task: other }));
    await harness.reaches(other, 'STOPPED');
    expect(await harness.describe(arn)).toMatchObject({ lastStatus: 'RUNNING', desiredStatus: 'STOPPED' });
    const { instanceId = '' } = await eventually(() => harness.simulator.instances[0] ?? null);
    harness.simulator.terminate(instanceId);
    expect(await harness.describe(arn)).toMatchObject({ lastStatus: 'STOPPED', stoppedReason: 'deadline' });
  });
});
