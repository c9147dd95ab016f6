import { ListTasksCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createFaultPlan } from './fault-plan.ts';
import { eventually, exits, GPU_GROUP, startHarness, type Harness } from './testing/simulator-harness.ts';

const TASKS = 200;

let harness: Harness;
afterEach(() => harness.close());

describe('many tasks that are stopped, killed and reclaimed at any time', () => {
  it('all come to their end once, hold no instance afterwards, and leave nothing running but zombies', async () => {
    const seed = Date.now() % 1_000_000;
    process.stdout.write(`ecs-simulator: many-tasks.spec seed ${seed}\n`);
    const plan = createFaultPlan({ seed, zombieRate: 0.1, eventLostRate: 0.3, eventDelayedRate: 0.4 });
    const group = { ...GPU_GROUP, max: 20, gpusPerInstance: 4, coldStartMs: 2, idleShrinkMs: 30 };
    harness = await startHarness({ autoScalingGroups: [group], faults: createFaultPlan({ seed, zombieRate: 0.1 }) });
    const cluster = harness.simulator.clusterArn;
    harness.program('quick', exits(0));
    const resourceRequirements = [{ type: 'GPU' as const, value: '1' }];
    await harness.define('quick', [{ name: 'main', image: 'quick', resourceRequirements }]);
    await harness.define('long', [
      { name: 'side', essential: false },
      { name: 'main', resourceRequirements, dependsOn: [{ containerName: 'side', condition: 'START' }] },
    ]);
    const arns: string[] = [];
    for (let count = 0; count < TASKS; count += 1) {
      const arn = await harness.run(count % 2 === 0 ? 'quick' : 'long');
      arns.push(arn);
      const { kind } = plan.forEvent(); // any source of seeded choices will do
      const [instance] = harness.simulator.instances;
      if (kind === 'lost') await harness.ecs.send(new StopTaskCommand({ cluster, task: arn }));
      if (kind === 'delayed' && count % 10 === 1 && instance !== undefined)
        harness.simulator.reclaim(instance.instanceId, { noticeMs: 3 });
    }
    for (const task of arns) await harness.ecs.send(new StopTaskCommand({ cluster, task }));
    await eventually(async () => {
      const { taskArns = [] } = await harness.ecs.send(new ListTasksCommand({ cluster, desiredStatus: 'RUNNING' }));
      return taskArns.length === 0 && harness.simulator.instances.length === 0;
    });
    for (const arn of arns) {
      const seen = harness.events.filter(({ resources }) => resources[0] === arn).map(({ detail }) => detail);
      expect(seen.map(({ version }) => version)).toEqual(seen.map((_, index) => index + 1));
      expect(seen.filter(({ lastStatus }) => lastStatus === 'STOPPED')).toHaveLength(1);
    }
    await harness.simulator.endZombies();
    await eventually(() => harness.engine.runningCount === 0);
  }, 60_000);
});
