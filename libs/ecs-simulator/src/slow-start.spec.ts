import { StopTaskCommand } from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ContainerEngine } from './container-engine.ts';
import { ScriptedEngine, type Program } from './scripted-engine.ts';
import { containerOf, eventually, startHarness, untilStopped, type Harness } from './testing/simulator-harness.ts';

let scripted: ScriptedEngine;
let program: Program;
let answer: () => void;
let harness: Harness;

/** A real engine's containers run before it has answered that they do; here the answer waits for `answer()`. */
beforeEach(async () => {
  program = untilStopped();
  scripted = new ScriptedEngine(() => (run) => program(run));
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const engine: ContainerEngine = {
    start: async (plan) => {
      const started = await scripted.start(plan);
      await answered;
      return started;
    },
    wait: (id) => scripted.wait(id),
    stop: (id, graceMs) => scripted.stop(id, graceMs),
    kill: (id) => scripted.kill(id),
    removeTask: (id) => scripted.removeTask(id),
    close: () => scripted.close(),
  };
  harness = await startHarness({ engine });
  await harness.define('one', [{ name: 'main' }]);
});
afterEach(() => harness.close());

const runs = () => eventually(() => scripted.runningCount === 1);

describe('a container whose start is not answered yet', () => {
  it('learns of itself through its metadata endpoint', async () => {
    let seen: unknown = null;
    program = async ({ plan }) => {
      const asked = fetch(`${plan.environment['ECS_CONTAINER_METADATA_URI_V4']}/task`);
      setTimeout(answer, 20); // long enough for the question to be there first
      seen = await (await asked).json();
      return 0;
    };
    const arn = await harness.run('one');
    const { runtimeId } = containerOf(await harness.reaches(arn, 'STOPPED'), 'main');
    expect(runtimeId).toMatch(/./);
    const itself = { Name: 'main', DockerId: runtimeId, KnownStatus: 'RUNNING' };
    expect(seen).toMatchObject({ TaskARN: arn, Containers: [itself] });
  });

  it('is stopped once it is, when the task is to stop', async () => {
    const arn = await harness.run('one');
    await runs();
    await harness.ecs.send(new StopTaskCommand({ cluster: harness.simulator.clusterArn, task: arn }));
    answer();
    const task = await harness.reaches(arn, 'STOPPED');
    expect(containerOf(task, 'main').exitCode).toBe(143);
  });

  it('is killed once it is, when its host was lost', async () => {
    const arn = await harness.run('one');
    await runs();
    harness.simulator.terminate(harness.simulator.instances[0]?.instanceId ?? '');
    await harness.reaches(arn, 'STOPPED');
    expect(scripted.runningCount).toBe(1);
    answer();
    await eventually(() => scripted.runningCount === 0);
    expect(containerOf(await harness.describe(arn), 'main').exitCode).toBeUndefined();
  });
});
