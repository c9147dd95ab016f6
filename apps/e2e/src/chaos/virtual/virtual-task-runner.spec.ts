/** The rows keep what the port promises, as far as every runner must. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPlatformDatabase } from '@bpi/adapters-local';
import { jobIdSchema } from '@bpi/job-contract';
import { systemClock } from '@bpi/jobs';
import { describeTaskRunner, type TaskKind, type TaskRunnerHarness } from '@bpi/port-conformance';
import { until } from '../../harness.ts';
import { VirtualTaskRunner, type VirtualPlan } from './virtual-task-runner.ts';

const SETTLED_WITHIN_MS = 10_000;
const LONG_MS = 3_600_000;

const PLANS: Readonly<Record<TaskKind, VirtualPlan | null>> = {
  finishes: { startMs: 5, modelMs: 20, exit: 0, ignoresStop: false },
  runs_until_stopped: { startMs: 5, modelMs: LONG_MS, exit: 0, ignoresStop: false },
  ignores_stop: { startMs: 5, modelMs: LONG_MS, exit: 0, ignoresStop: true },
  cannot_start: null,
};

/** Two workers are two runners with a connection each, as in two processes. */
async function makeHarness(): Promise<TaskRunnerHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'bpi-virtual-'));
  const kinds = new Map<string, TaskKind>();
  const opened: { close: () => Promise<void> }[] = [];
  const open = async () => {
    const database = openPlatformDatabase(join(folder, 'platform.db'));
    const runner = await VirtualTaskRunner.open({
      database,
      clock: systemClock,
      planOf: async ({ jobId }) => PLANS[kinds.get(jobId) ?? 'finishes'],
      stageOut: async () => {},
      onError: (error) => {
        throw error;
      },
    });
    opened.push({ close: async () => (await runner.close(), database.close()) });
    return runner;
  };
  const runner = await open();
  return {
    runner,
    specOf: (kind) => {
      const jobId = jobIdSchema.parse(randomUUID());
      kinds.set(jobId, kind);
      const model = { name: 'echo', version: '1.0.0' };
      return { jobId, epoch: 1, model, pool: 'cpu', definition: null, shrunk: false };
    },
    settle: async (condition) => {
      await until(condition, (met) => met, SETTLED_WITHIN_MS);
    },
    second: open,
    close: async () => {
      for (const one of opened) await one.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describeTaskRunner('virtual', makeHarness);
