import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { StatusBody } from '@bpi/job-contract';
import { AWS_POOLS } from '@bpi/tools';
import { startAwsHarness, type AwsHarness } from './aws-harness.ts';
import { until } from './harness.ts';
import { ScriptedTasks, type Asked, type TaskScript } from './scripted-task.ts';
import { allTasks, liveTasks, startAgain } from './simulated-tasks.ts';

const SLOTS = 4;
const JOBS = 20;
const KILLED_EXIT = 137;
const SAMPLES_MIN = 20;

describe('the slots of a pool that two workers share', () => {
  /** By the param `label`, which tells the scripts of jobs apart. */
  const scripts: ((asked: Asked) => TaskScript)[] = [];
  let harness: AwsHarness;
  let tasks: ScriptedTasks;
  beforeAll(async () => {
    tasks = new ScriptedTasks((asked) => scripts[Number(asked.params['label']) - 1]?.(asked) ?? {}, {
      scratchDir: tmpdir(),
    });
    harness = await startAwsHarness({
      engine: tasks.engine,
      slots: SLOTS,
      workers: 2,
      policy: { backoffBaseMs: 1_000, backoffMaxMs: 2_000 },
    });
  }, 60_000);
  afterAll(async () => {
    await harness.close();
    tasks.close();
  });

  async function submit(script: (asked: Asked) => TaskScript): Promise<string> {
    const params = { label: scripts.push(script) };
    return (await harness.client.infer({ inputPath: harness.input('plain'), model: 'echo', params })).job_id;
  }

  async function submitAll(count: number, script: (asked: Asked) => TaskScript): Promise<string[]> {
    const jobIds: string[] = [];
    while (jobIds.length < count) jobIds.push(await submit(script));
    return jobIds;
  }

  const seen = (jobId: string, wanted: (status: StatusBody) => boolean) =>
    until(() => harness.client.status(jobId), wanted, 30_000);

  /** Sweeps that each worker has finished. */
  async function sweeps(): Promise<number[]> {
    const logs = await Promise.all(['worker', 'worker-2'].map((name) => harness.log(name)));
    return logs.map((log) => log.split('"sweep.done"').length - 1);
  }

  /** Tasks that run for the attempt that the record names. */
  async function currentTasks(): Promise<number> {
    const live = await liveTasks(harness.platform);
    const records = await Promise.all(live.map(({ jobId }) => harness.record(jobId)));
    return live.filter(({ epoch }, at) => records[at]?.attempt?.epoch === epoch).length;
  }

  async function expectAllFree(): Promise<void> {
    await until(
      () => liveTasks(harness.platform),
      (live) => live.length === 0,
      30_000,
    );
    for (const pool of Object.values(AWS_POOLS)) expect((await harness.services.store.room(pool)).free).toBe(SLOTS);
  }

  it('are never overfilled, also while jobs are tried again and a worker is killed', async () => {
    let mostAtWork = 0;
    const script = ({ epoch, jobId }: Asked): TaskScript => {
      mostAtWork = Math.max(mostAtWork, tasks.runs.filter(({ running }) => running.size > 0).length);
      return { model: 1_000, ...(epoch === 1 && jobId < '5' ? { exit: KILLED_EXIT } : {}) };
    };
    const jobIds = await submitAll(JOBS, script);
    const counts: number[] = [];
    let over = false;
    const sampling = until(
      async () => {
        counts.push(await currentTasks());
        return over;
      },
      (isOver) => isOver,
    );
    harness.platform.workers[0]?.kill('SIGKILL');
    try {
      for (const jobId of jobIds) expect(await harness.finish(jobId)).toMatchObject({ status: 'completed' });
    } finally {
      over = true;
      await sampling;
    }
    expect(counts.length).toBeGreaterThan(SAMPLES_MIN);
    // Looks now and then may miss the fullest moment, which the tasks themselves see.
    expect(Math.max(...counts)).toBeLessThanOrEqual(SLOTS);
    expect(mostAtWork).toBe(SLOTS);
    await expectAllFree();
  }, 120_000);

  it('are not for a task of an earlier attempt, which is stopped within one sweep', async () => {
    const hold = Promise.withResolvers<void>();
    // The first task of all ends; those of the same attempt that come after it do not.
    const script = (asked: Asked): TaskScript =>
      tasks.runsOf(asked.jobId).length === 1 ? { exit: KILLED_EXIT } : { model: hold.promise };
    const jobId = await submit(script);
    await seen(jobId, ({ phase, attempt }) => phase === 'running' && attempt === 2);
    const [first] = (await allTasks(harness.platform)).filter((task) => task.jobId === jobId && task.epoch === 1);
    if (first === undefined) throw new Error('the first attempt had no task');
    const stale = await startAgain(harness.platform, first);
    const sweepsBefore = await sweeps();
    await until(
      async () => (await liveTasks(harness.platform)).filter((task) => task.jobId === jobId).map(({ epoch }) => epoch),
      (epochs) => epochs.length === 1 && epochs[0] === 2,
      30_000,
    );
    // The one that was under way may have listed the tasks already.
    const more = (await sweeps()).map((count, at) => count - (sweepsBefore[at] ?? 0));
    expect(Math.min(...more)).toBeLessThanOrEqual(1);
    const stopped = (await allTasks(harness.platform)).find(({ taskArn }) => taskArn === stale);
    expect(stopped).toMatchObject({ lastStatus: 'STOPPED', stoppedReason: 'bpi: the attempt is to end' });
    hold.resolve();
    expect(await harness.finish(jobId)).toMatchObject({ status: 'completed', attempt: 2 });
    await expectAllFree();
  }, 60_000);

  describe('are free again after a cancellation', () => {
    type Moment = {
      name: string;
      /** Settles at the end of the test. */
      script: (hold: Promise<void>) => (asked: Asked) => TaskScript;
      reached: (status: StatusBody, jobId: string) => boolean;
      attempt: number;
    };
    const at = (jobId: string, container: string) => tasks.runsOf(jobId).some(({ running }) => running.has(container));
    const MOMENTS: Moment[] = [
      {
        name: 'while stage-in runs',
        script: (hold) => () => ({ stageIn: hold }),
        reached: ({ phase }, jobId) => phase === 'launching' && at(jobId, 'stage-in'),
        attempt: 1,
      },
      {
        name: 'while the model runs',
        script: (hold) => () => ({ model: hold }),
        reached: ({ phase }, jobId) => phase === 'running' && at(jobId, 'model'),
        attempt: 1,
      },
      {
        name: 'while stage-out stores',
        script: (hold) => () => ({ report: hold }),
        reached: ({ phase }, jobId) =>
          phase === 'running' && tasks.runsOf(jobId).some(({ modelExit }) => modelExit === 0),
        attempt: 1,
      },
      {
        name: 'while a retry waits',
        script: () => () => ({ exit: KILLED_EXIT }),
        reached: ({ phase, waiting_for }) => phase === 'queued' && waiting_for === 'retry',
        attempt: 1,
      },
      {
        name: 'during a later attempt',
        script:
          (hold) =>
          ({ epoch }) =>
            epoch === 1 ? { exit: KILLED_EXIT } : { model: hold },
        reached: ({ phase, attempt }) => phase === 'running' && attempt === 2,
        attempt: 2,
      },
    ];

    async function expectCancelled(jobId: string, attempt: number): Promise<void> {
      expect(await harness.client.cancel(jobId)).toMatchObject({ cancel_requested: true });
      const ended = await harness.finish(jobId, 30_000);
      expect(ended).toMatchObject({ status: 'failed', attempt, error: { code: 'cancelled', fault: 'user' } });
      await expect(harness.client.cancel(jobId)).rejects.toMatchObject({ code: 'already_ended' });
      await expect(harness.client.result(jobId)).rejects.toMatchObject({ code: 'job_failed' });
      expect((await liveTasks(harness.platform)).filter((task) => task.jobId === jobId)).toEqual([]);
    }

    it.each(MOMENTS)(
      '$name',
      async ({ script, reached, attempt }) => {
        const hold = Promise.withResolvers<void>();
        const jobId = await submit(script(hold.promise));
        await seen(jobId, (status) => reached(status, jobId));
        await expectCancelled(jobId, attempt);
        expect((await harness.record(jobId)).result).toBeNull();
        hold.resolve();
        await expectAllFree();
      },
      60_000,
    );

    it('while a task waits for a machine', async () => {
      const { simulator } = harness.platform;
      for (const { instanceId } of simulator.instances) simulator.terminate(instanceId);
      for (const pool of Object.values(AWS_POOLS)) simulator.noCapacity(pool, true);
      const jobId = await submit(() => ({}));
      await seen(jobId, ({ waiting_for }) => waiting_for === 'capacity');
      await expectCancelled(jobId, 1);
      expect(tasks.runsOf(jobId)).toEqual([]);
      for (const pool of Object.values(AWS_POOLS)) simulator.noCapacity(pool, false);
      await expectAllFree();
    }, 60_000);

    it('while jobs wait for a slot, which they never had', async () => {
      const hold = Promise.withResolvers<void>();
      const held = await submitAll(SLOTS, () => ({ model: hold.promise }));
      const jobId = await submit(() => ({}));
      await seen(jobId, ({ phase, waiting_for }) => phase === 'queued' && waiting_for === 'slot');
      await expectCancelled(jobId, 0);
      expect(tasks.runsOf(jobId)).toEqual([]);
      hold.resolve();
      for (const each of held) expect(await harness.finish(each)).toMatchObject({ status: 'completed' });
      await expectAllFree();
    }, 60_000);

    it('that came before a stored result was published', async () => {
      const hold = Promise.withResolvers<void>();
      const jobId = await submit(() => ({ model: hold.promise }));
      await seen(jobId, ({ phase }) => phase === 'running');
      for (const worker of harness.platform.workers) worker.kill('SIGSTOP');
      hold.resolve();
      await until(
        async () => tasks.runsOf(jobId).map(({ report }) => report),
        ([report]) => report === 'stored',
      );
      await until(
        () => liveTasks(harness.platform),
        (live) => live.length === 0,
      );
      expect(await harness.client.cancel(jobId)).toMatchObject({ status: 'running', cancel_requested: true });
      for (const worker of harness.platform.workers) worker.kill('SIGCONT');
      expect(await harness.finish(jobId)).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
      await expectAllFree();
    }, 60_000);

    it('or keep what was published before it', async () => {
      const jobId = await submit(() => ({}));
      expect(await harness.finish(jobId)).toMatchObject({ status: 'completed' });
      await expect(harness.client.cancel(jobId)).rejects.toMatchObject({ code: 'already_ended' });
      expect(await harness.client.status(jobId)).toMatchObject({ status: 'completed', cancel_requested: false });
      expect((await harness.client.result(jobId)).artifacts).toHaveLength(4);
    }, 60_000);
  });
});
