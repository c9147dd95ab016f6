import { tmpdir } from 'node:os';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { StatusBody } from '@bpi/job-contract';
import { AWS_POOLS } from '@bpi/tools';
import { startAwsHarness, type AwsHarness } from './aws-harness.ts';
import { until } from './harness.ts';
import { ScriptedTasks } from './scripted-task.ts';
import { liveTasks, type SimulatedTask } from './simulated-tasks.ts';

const SLOTS = 2;
/** Few enough that each has time for two vain attempts in the first pool: those that wait longest go first. */
const JOBS = 4;
const START_DEADLINE_MS = 20_000;
/** A task that finds no machine for so long is stopped, and tried again. */
const PLACEMENT_TIMEOUT_MS = 2_500;

describe('the AWS composition without a machine', () => {
  let harness: AwsHarness;
  let tasks: ScriptedTasks;
  beforeAll(async () => {
    tasks = new ScriptedTasks(() => ({}), { scratchDir: tmpdir() });
    harness = await startAwsHarness({
      engine: tasks.engine,
      slots: SLOTS,
      workers: 2,
      workerEnv: { SWEEP_INTERVAL_MS: '500' },
      apiEnv: { START_DEADLINE_MS: String(START_DEADLINE_MS) },
      // Else a deadline so near moves every job to the steadier pool at once.
      policy: { placementTimeoutMs: PLACEMENT_TIMEOUT_MS, steadyBeforeDeadlineMs: 0 },
    });
  }, 60_000);
  afterAll(async () => {
    await harness.close();
    tasks.close();
  });
  beforeEach(() => haveCapacity(false));

  function haveCapacity(wanted: boolean): void {
    for (const pool of Object.values(AWS_POOLS)) harness.platform.simulator.noCapacity(pool, !wanted);
  }

  async function submitAll(): Promise<string[]> {
    const jobIds: string[] = [];
    while (jobIds.length < JOBS)
      jobIds.push((await harness.client.infer({ inputPath: harness.input('plain'), model: 'echo' })).job_id);
    return jobIds;
  }

  /** Looks at everything until all jobs have ended; what each look must show is `check`ed. */
  async function watchUntilEnded(jobIds: readonly string[], check: (live: SimulatedTask[]) => void) {
    const seen = new Map<string, StatusBody[]>(jobIds.map((jobId) => [jobId, []]));
    await until(
      async () => {
        check(await liveTasks(harness.platform));
        for (const jobId of jobIds) seen.get(jobId)?.push(await harness.client.status(jobId));
        return [...seen.values()].map((statuses) => statuses.at(-1)?.status);
      },
      (statuses) => statuses.every((status) => status === 'completed' || status === 'failed'),
      4 * START_DEADLINE_MS,
    );
    return seen;
  }

  it('keeps jobs waiting, says for what, and ends them at the start deadline with nothing left', async () => {
    const jobIds = await submitAll();
    const most: Record<string, number> = {};
    const seen = await watchUntilEnded(jobIds, (live) => {
      for (const pool of Object.values(AWS_POOLS)) {
        const waiting = live.filter(({ capacityProviderName }) => capacityProviderName === pool);
        most[pool] = Math.max(most[pool] ?? 0, waiting.length);
      }
    });
    // Every slot had its task, and the steadier pool was tried: never more.
    expect(most[AWS_POOLS.spot]).toBe(SLOTS);
    expect(most[AWS_POOLS.onDemand]).toBeGreaterThan(0);
    expect(most[AWS_POOLS.onDemand]).toBeLessThanOrEqual(SLOTS);
    const waited = new Set<string>();
    for (const statuses of seen.values()) {
      const last = statuses.at(-1);
      expect(last).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded', fault: 'capacity' } });
      expect(last?.started_at).toBeUndefined();
      for (const { status, phase, waiting_for } of statuses) {
        expect(['pending', 'failed']).toContain(status);
        waited.add(`${phase}: ${waiting_for}`);
      }
    }
    // With a task that waits, between two of them, and behind those that have one.
    expect([...waited]).toEqual(expect.arrayContaining(['launching: capacity', 'queued: capacity', 'queued: slot']));
    expect(tasks.runs).toEqual([]);
    await until(
      () => liveTasks(harness.platform),
      (live) => live.length === 0,
      10_000,
    );
    for (const pool of Object.values(AWS_POOLS)) expect((await harness.services.store.room(pool)).free).toBe(SLOTS);
  }, 90_000);

  it('runs the jobs once there is one, each once', async () => {
    const before = tasks.runs.length;
    const jobIds = await submitAll();
    await until(
      () => Promise.all(jobIds.map((jobId) => harness.client.status(jobId))),
      (statuses) => statuses.some(({ waiting_for }) => waiting_for === 'capacity'),
      START_DEADLINE_MS,
    );
    haveCapacity(true);
    await watchUntilEnded(jobIds, () => {});
    for (const jobId of jobIds) {
      expect(await harness.client.status(jobId)).toMatchObject({ status: 'completed' });
      expect(tasks.runsOf(jobId)).toMatchObject([{ modelExit: 0, report: 'stored' }]);
    }
    expect(tasks.runs.length - before).toBe(JOBS);
  }, 60_000);
});
