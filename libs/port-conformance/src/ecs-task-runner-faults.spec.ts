import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ECS_TASK_RUNNER_OPERATIONS } from '@bpi/adapters-aws';
import { createFaultPlan } from '@bpi/ecs-simulator';
import type { TaskEvent, TaskSpec } from '@bpi/jobs';
import { makeEcsHarness, refOf, settle, taskChange, type EcsHarness } from './ecs-harness.ts';

const SEED = 7;
const OTHER_CLUSTER = 'arn:aws:ecs:us-east-1:000000000000:cluster/other';

let harness: EcsHarness;
let reading: Promise<void> | null = null;
let stopReading = new AbortController();
beforeEach(async () => {
  harness = await makeEcsHarness(process.env['BPI_TEST_AWS_ENDPOINT']);
  stopReading = new AbortController();
});
afterEach(async () => {
  stopReading.abort();
  await reading;
  reading = null;
  await harness.close();
});

/** Reads the task-events queue until the test ends; what came. */
function readEvents(): readonly TaskEvent[] {
  const events: TaskEvent[] = [];
  reading = (async () => {
    for await (const event of harness.runner.events(stopReading.signal)) events.push(event);
  })();
  return events;
}

const taskOf = (spec: TaskSpec) => ({ jobId: spec.jobId, epoch: spec.epoch, ref: null });
const dropped = () => harness.lines.filter(({ event }) => event === 'task.event.dropped').map(({ fields }) => fields);
const tasksOf = async (spec: TaskSpec) => (await harness.runner.list()).filter(({ jobId }) => jobId === spec.jobId);

describe('a launch on ECS', () => {
  it('that is repeated with another definition takes over the task of the first', async () => {
    const spec = harness.specOf('runs_until_stopped');
    const ref = await harness.launched(spec);
    const redeployed = { ...spec, definition: await harness.redeploy() };
    expect(redeployed.definition).not.toBe(spec.definition);
    expect(await harness.launched(redeployed)).toBe(ref);
    expect(await tasksOf(spec)).toHaveLength(1);
  });

  it('whose answer was lost is raised as doubtful, and answers the same task when repeated', async () => {
    const spec = harness.specOf('runs_until_stopped');
    harness.simulator.useFaults(createFaultPlan({ seed: SEED, answerLostRate: 1, operations: ['RunTask'] }));
    await expect(harness.runner.launch(spec)).rejects.toMatchObject({ name: 'AwsError', retryable: true });
    harness.simulator.useFaults(null);
    const { ref } = await harness.seen(spec, 'running');
    expect(await harness.launched(spec)).toBe(ref);
    expect(refOf(await (await harness.second()).launch(spec))).toBe(ref);
    expect(await tasksOf(spec)).toHaveLength(1);
  });

  it.each([
    ['throttledRate', 'ThrottlingException'],
    ['serverErrorRate', 'ServerException'],
  ])('is raised when ECS answers with a fault of %s', async (rate, code) => {
    harness.simulator.useFaults(createFaultPlan({ seed: SEED, [rate]: 1, operations: ['RunTask'] }));
    const spec = harness.specOf('finishes');
    await expect(harness.runner.launch(spec)).rejects.toMatchObject({ name: 'AwsError', code, retryable: true });
    harness.simulator.useFaults(null);
    expect(await harness.runner.inspect(taskOf(spec))).toEqual({ state: 'missing' });
  });

  it.each(['RESOURCE:GPU', 'RESOURCE:MEMORY', 'AGENT', 'EMPTY CAPACITY PROVIDER'])(
    'is refused for lack of capacity with %s, and may be repeated',
    async (reason) => {
      const spec = harness.specOf('finishes');
      harness.simulator.failNextRunTask(reason);
      expect(await harness.runner.launch(spec)).toEqual({ kind: 'refused', code: 'capacity_unavailable' });
      await harness.launched(spec);
    },
  );

  it('is refused for a reason that nobody knows', async () => {
    harness.simulator.failNextRunTask('WORDS OF TOMORROW');
    const refused = { kind: 'refused', code: 'platform_error' };
    expect(await harness.runner.launch(harness.specOf('finishes'))).toEqual(refused);
  });

  it('is refused without a definition, and with one that is inactive or never was', async () => {
    const refused = { kind: 'refused', code: 'model_unavailable' };
    const spec = harness.specOf('finishes');
    expect(await harness.runner.launch({ ...spec, definition: null })).toEqual(refused);
    expect(await harness.runner.launch({ ...spec, definition: `${spec.definition}999` })).toEqual(refused);
    const { definition } = spec;
    if (definition === null) throw new Error('the harness registers a definition');
    await harness.deregister(definition);
    // A deployment took its place since the claim: another claim will do.
    expect(await harness.runner.launch(spec)).toEqual({ kind: 'refused', code: 'platform_error' });
  });

  it('knows the definitions that it was told of, and no inherited names', () => {
    const runner = harness.runnerWith({ 'a@1.0.0': 'arn:a' });
    expect(runner.definitionOf({ name: 'a', version: '1.0.0' })).toBe('arn:a');
    expect(runner.definitionOf({ name: 'a', version: '2.0.0' })).toBeNull();
    expect(runner.definitionOf({ name: 'constructor', version: '' })).toBeNull();
  });
});

describe('a task on ECS', () => {
  it('that failed shows the exit code of its model', async () => {
    const spec = harness.specOf('fails');
    await harness.launched(spec);
    expect(await harness.seen(spec, 'stopped')).toMatchObject({ cause: 'exited', exitCode: 1 });
  });

  it('whose image cannot be pulled is doomed while it still waits', async () => {
    const spec = harness.specOf('cannot_start');
    const ref = await harness.launched(spec);
    await settle(async () => {
      const seen = await harness.runner.inspect({ ...taskOf(spec), ref });
      return seen.state === 'pending' && seen.doomed === 'image_unavailable';
    });
    expect(await harness.seen(spec, 'stopped')).toMatchObject({ cause: 'image_unavailable', exitCode: null });
  });

  it('waits for capacity while no machine can be had', async () => {
    const spec = harness.specOf('runs_until_stopped');
    harness.simulator.noCapacity(spec.pool, true);
    const ref = await harness.launched(spec);
    const waiting = { state: 'pending', ref, waitingFor: 'capacity' };
    expect(await harness.runner.inspect(taskOf(spec))).toEqual(waiting);
    await harness.runner.stop(taskOf(spec), 'ask');
    expect(await harness.seen(spec, 'stopped')).toMatchObject({ cause: 'stop_requested', exitCode: null });
  });

  it('that does not go loses its machine by force, and no other machine goes', async () => {
    const stubborn = harness.specOf('runs_until_stopped');
    const bystander = harness.specOf('runs_until_stopped');
    const ref = await harness.launched(stubborn);
    await harness.launched(bystander);
    await harness.seen(stubborn, 'running');
    await harness.seen(bystander, 'running');
    harness.simulator.setFate(ref, 'ignores_stop');
    await harness.runner.stop(taskOf(stubborn), 'ask');
    const machines = () => harness.simulator.instances.filter(({ taskArns }) => taskArns.includes(ref));
    expect(machines()).toHaveLength(1);
    await harness.runner.stop(taskOf(stubborn), 'force');
    await harness.runner.stop(taskOf(stubborn), 'force');
    await harness.seen(stubborn, 'stopped');
    expect(machines()).toHaveLength(0);
    expect(await harness.runner.inspect(taskOf(bystander))).toMatchObject({ state: 'running' });
  });

  it('whose machine is gone was interrupted', async () => {
    const spec = harness.specOf('runs_until_stopped');
    const ref = await harness.launched(spec);
    await harness.seen(spec, 'running');
    const machine = harness.simulator.instances.find(({ taskArns }) => taskArns.includes(ref));
    harness.simulator.terminate(machine?.instanceId ?? '');
    expect(await harness.seen(spec, 'stopped')).toMatchObject({ cause: 'interrupted', exitCode: null });
  });

  it('is not called missing because ECS cannot be asked', async () => {
    const spec = harness.specOf('runs_until_stopped');
    const ref = await harness.launched(spec);
    harness.simulator.useFaults(createFaultPlan({ seed: SEED, serverErrorRate: 1 }));
    await expect(harness.runner.inspect(taskOf(spec))).rejects.toMatchObject({ name: 'AwsError' });
    await expect(harness.runner.inspect({ ...taskOf(spec), ref })).rejects.toMatchObject({ name: 'AwsError' });
    await expect(harness.runner.list()).rejects.toMatchObject({ name: 'AwsError' });
    await expect(harness.runner.stop(taskOf(spec), 'ask')).rejects.toMatchObject({ name: 'AwsError' });
  });

  it('is found without a name while it is stopping, when it is no longer among those that are to run', async () => {
    const spec = harness.specOf('runs_until_stopped');
    const ref = await harness.launched(spec);
    await harness.seen(spec, 'running');
    harness.simulator.setFate(ref, 'ignores_stop');
    await harness.runner.stop(taskOf(spec), 'ask');
    expect(await (await harness.second()).inspect(taskOf(spec))).toMatchObject({ state: 'running', ref });
  });
});

describe('the runner', () => {
  it('sends the operations that it names, and no other', async () => {
    readEvents();
    const [warned, stubborn] = [harness.specOf('runs_until_stopped'), harness.specOf('runs_until_stopped')];
    for (const spec of [warned, stubborn]) await harness.launched(spec);
    const ref = (await harness.seen(stubborn, 'running')).ref;
    await harness.seen(warned, 'running');
    harness.simulator.setFate(ref, 'ignores_stop');
    await harness.runner.stop(taskOf(stubborn), 'ask');
    await harness.runner.stop(taskOf(stubborn), 'force');
    const machine = harness.simulator.instances.find(({ taskArns }) => !taskArns.includes(ref));
    harness.simulator.reclaim(machine?.instanceId ?? '', { noticeMs: 60_000 });
    await harness.seen(warned, 'stopped');
    const own = [...harness.sent].filter((operation) => operation !== 'ecs:RegisterTaskDefinition');
    expect(own.sort()).toEqual(ECS_TASK_RUNNER_OPERATIONS);
  });
});

describe('events of ECS', () => {
  it('stop what runs on a Spot machine that is about to go, so that it counts as interrupted', async () => {
    const events = readEvents();
    const spec = harness.specOf('runs_until_stopped');
    const ref = await harness.launched(spec);
    await harness.seen(spec, 'running');
    const machine = harness.simulator.instances.find(({ taskArns }) => taskArns.includes(ref));
    harness.simulator.reclaim(machine?.instanceId ?? '', { noticeMs: 60_000 });
    expect(await harness.seen(spec, 'stopped')).toMatchObject({ cause: 'interrupted', exitCode: 143 });
    const { jobId, epoch } = spec;
    expect(harness.lines).toContainEqual({ event: 'task.interrupted', fields: { jobId, epoch } });
    expect(events).toContainEqual({ kind: 'changed', jobId, epoch });
  });

  it('stop what runs on a machine that is about to go also where it cannot be drained', async () => {
    const faults = { seed: SEED, serverErrorRate: 1, operations: ['UpdateContainerInstancesState'] };
    harness.simulator.useFaults(createFaultPlan(faults));
    const reading = harness.runner.events(stopReading.signal)[Symbol.asyncIterator]();
    const spec = harness.specOf('runs_until_stopped');
    const ref = await harness.launched(spec);
    await harness.seen(spec, 'running');
    const machine = harness.simulator.instances.find(({ taskArns }) => taskArns.includes(ref));
    harness.simulator.reclaim(machine?.instanceId ?? '', { noticeMs: 60_000 });
    const broken = (async () => {
      for (;;) if ((await reading.next()).done === true) return 'ended';
    })();
    await expect(broken).rejects.toMatchObject({ name: 'AwsError' });
    expect(await harness.seen(spec, 'stopped')).toMatchObject({ cause: 'interrupted' });
  });

  it('win over an answer that lags behind, and lose against a newer one', async () => {
    const spec = harness.specOf('runs_until_stopped');
    const ref = await harness.launched(spec);
    await harness.seen(spec, 'running');
    const events = readEvents();
    const [old, newer] = ['STOPPED', 'STOPPED'].map((lastStatus, n) => ({
      taskArn: ref,
      clusterArn: harness.simulator.clusterArn,
      startedBy: `bpi/${spec.jobId}/1`,
      lastStatus,
      version: n === 0 ? 1 : 1_000,
      stopCode: 'SpotInterruption',
      containers: [],
    }));
    const told = events.length;
    await harness.tell(JSON.stringify(taskChange(old ?? {})));
    await settle(() => events.length > told);
    expect(await harness.runner.inspect({ ...taskOf(spec), ref })).toMatchObject({ state: 'running' });
    await harness.tell(JSON.stringify(taskChange(newer ?? {})));
    await settle(async () => (await harness.runner.inspect({ ...taskOf(spec), ref })).state === 'stopped');
    expect(await harness.runner.inspect({ ...taskOf(spec), ref })).toMatchObject({ cause: 'interrupted' });
  });

  it('bring the progress and the heartbeat of a stager', async () => {
    const events = readEvents();
    const spec = harness.specOf('finishes');
    const attempt = { job_id: spec.jobId, epoch: 2 };
    const progress = { ...attempt, fraction: 0.4, step: 'segment' };
    await harness.tell(JSON.stringify({ source: 'bpi.stager', 'detail-type': 'Attempt Progress', detail: progress }));
    await harness.tell(JSON.stringify({ source: 'bpi.stager', 'detail-type': 'Attempt Heartbeat', detail: attempt }));
    await settle(() => events.length >= 2);
    const { jobId } = spec;
    const atMs = expect.any(Number);
    expect(events).toContainEqual({ kind: 'progress', jobId, epoch: 2, fraction: 0.4, step: 'segment', atMs });
    expect(events).toContainEqual({ kind: 'changed', jobId, epoch: 2 });
  });

  it.each([
    ['no JSON', '{"half":'],
    ['another shape', '[1,2]'],
    ['nothing', '{}'],
    ['an unknown kind', JSON.stringify({ source: 'aws.s3', 'detail-type': 'Object Created', detail: {} })],
    ['a task without a name', JSON.stringify(taskChange({ lastStatus: 'RUNNING' }))],
    [
      'a task of another cluster',
      JSON.stringify(
        taskChange({
          taskArn: 'arn:aws:ecs:us-east-1:000000000000:task/other/0',
          clusterArn: OTHER_CLUSTER,
          lastStatus: 'RUNNING',
          startedBy: 'bpi/6a8e2c1d-4b3f-4c5a-9d7e-0f1a2b3c4d5e/1',
        }),
      ),
    ],
    [
      'a warning for a machine that is not named as machines are',
      JSON.stringify({
        source: 'aws.ec2',
        'detail-type': 'EC2 Spot Instance Interruption Warning',
        detail: { 'instance-id': 'i-0 or true' },
      }),
    ],
    [
      'progress with words of its own',
      JSON.stringify({
        source: 'bpi.stager',
        'detail-type': 'Attempt Progress',
        detail: { job_id: '6a8e2c1d-4b3f-4c5a-9d7e-0f1a2b3c4d5e', epoch: 1, fraction: 0.5, step: 'Not A Step' },
      }),
    ],
  ])('that are %s are counted and dropped, and hold nothing up', async (_what, body) => {
    const events = readEvents();
    await harness.tell(body);
    await settle(() => dropped().length === 1);
    expect(dropped()).toEqual([{ reason: expect.stringMatching(/^[a-z_]+$/) }]);
    const spec = harness.specOf('finishes');
    await harness.launched(spec);
    await settle(() => events.some(({ jobId }) => jobId === spec.jobId));
    expect(dropped()).toHaveLength(1);
  });

  it('do not matter when they are lost, repeated, late and out of order', async () => {
    await harness.close();
    const faults = createFaultPlan({
      seed: SEED,
      eventLostRate: 0.4,
      eventDuplicatedRate: 0.3,
      eventReorderedRate: 0.3,
    });
    harness = await makeEcsHarness(process.env['BPI_TEST_AWS_ENDPOINT'], { faults });
    readEvents();
    const specs = Array.from({ length: 4 }, () => harness.specOf('finishes'));
    for (const spec of specs) await harness.launched(spec);
    for (const spec of specs)
      expect(await harness.seen(spec, 'stopped')).toMatchObject({ cause: 'exited', exitCode: 0 });
  });

  it('tell of an end that ECS has forgotten, to whoever heard them', async () => {
    await harness.close();
    harness = await makeEcsHarness(process.env['BPI_TEST_AWS_ENDPOINT'], { stoppedTaskTtlMs: 50 });
    readEvents();
    const spec = harness.specOf('finishes');
    const ref = await harness.launched(spec);
    const stopped = async () => (await harness.runner.inspect({ ...taskOf(spec), ref })).state === 'stopped';
    await settle(stopped);
    await settle(async () => (await (await harness.second()).inspect({ ...taskOf(spec), ref })).state === 'missing');
    expect(await harness.runner.inspect({ ...taskOf(spec), ref })).toMatchObject({ state: 'stopped', exitCode: 0 });
  });
});
