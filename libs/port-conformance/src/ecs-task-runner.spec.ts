import { makeEcsHarness, type EcsHarness } from './ecs-harness.ts';
import { describeTaskRunner, type TaskRunnerHarness } from './task-runner.conformance.ts';

/** A task that only ends when its machine does: the agent does not obey, so SIGKILL does not come either. */
async function makeHarness(): Promise<TaskRunnerHarness> {
  const harness: EcsHarness = await makeEcsHarness(process.env['BPI_TEST_AWS_ENDPOINT']);
  const stubborn = new Set<string>();
  const { runner, simulator } = harness;
  const launch = runner.launch.bind(runner);
  runner.launch = async (spec) => {
    const result = await launch(spec);
    if (result.kind === 'launched' && stubborn.has(spec.jobId)) simulator.setFate(result.ref, 'ignores_stop');
    return result;
  };
  return {
    ...harness,
    specOf: (kind) => {
      const spec = harness.specOf(kind);
      if (kind === 'ignores_stop') stubborn.add(spec.jobId);
      return spec;
    },
  };
}

describeTaskRunner('ecs', makeHarness);
