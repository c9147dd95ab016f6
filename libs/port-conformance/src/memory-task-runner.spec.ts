import { setImmediate as turn } from 'node:timers/promises';
import { MemoryTaskRunner } from '@bpi/adapters-memory';
import type { JobId } from '@bpi/job-contract';
import { jobIdOf } from './builders.ts';
import { describeTaskRunner, type TaskKind, type TaskRunnerHarness } from './task-runner.conformance.ts';

/** Far more steps than a simulated task takes; a condition that is not met by then never will be. */
const STEPS_MAX = 100;

/** Plays the backend: each step moves every task one state further, as its kind says. */
async function makeHarness(): Promise<TaskRunnerHarness> {
  const runner = new MemoryTaskRunner();
  const kinds = new Map<JobId, TaskKind>();

  const step = async () => {
    for (const task of await runner.list()) {
      const { jobId, epoch } = task;
      const kind = kinds.get(jobId);
      const seen = await runner.inspect(task);
      const wish = runner.stopWish(jobId, epoch);
      if (kind === undefined || seen.state === 'stopped') continue;
      if (seen.state === 'pending') runner.set(jobId, epoch, { state: 'running' });
      else if (kind === 'finishes') runner.set(jobId, epoch, { state: 'stopped', cause: 'exited', exitCode: 0 });
      else if (wish === 'force' || (wish === 'ask' && kind === 'runs_until_stopped')) {
        runner.set(jobId, epoch, { state: 'stopped', cause: 'stop_requested', exitCode: null });
      }
    }
  };

  return {
    runner,
    specOf: (kind) => {
      const jobId = jobIdOf(kinds.size + 1);
      kinds.set(jobId, kind);
      if (kind === 'cannot_start') runner.refuse(jobId, 'model_unavailable');
      const model = { name: 'echo-model', version: '1.0.0' };
      return { jobId, epoch: 1, model, pool: 'cpu', definition: null, shrunk: false };
    },
    settle: async (condition) => {
      for (let steps = 0; steps < STEPS_MAX; steps += 1) {
        if (await condition()) return;
        await step();
        await turn();
      }
      throw new Error('the simulated backend did not come to the expected state');
    },
    second: async () => new MemoryTaskRunner(runner),
    close: async () => {},
  };
}

describeTaskRunner('memory', makeHarness);
