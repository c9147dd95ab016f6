import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ARTIFACT_NAMES, isJobId, type JobId } from '@bpi/job-contract';
import { startAwsHarness, type AwsHarness } from './aws-harness.ts';
import { until } from './harness.ts';
import { originOf, publishedBytes } from './scripted-artifacts.ts';
import { ScriptedTasks, type TaskRun } from './scripted-task.ts';

/** A machine that lost its connection: ECS says that the task stopped, and its containers run on and store. */
describe('an attempt that was given up and goes on', () => {
  /** What holds the model of an attempt: `job/epoch`. An attempt without one ends at once. */
  const holds = new Map<string, PromiseWithResolvers<void>>();
  let harness: AwsHarness;
  let tasks: ScriptedTasks;
  beforeAll(async () => {
    const scriptOf = ({ jobId, epoch }: { jobId: string; epoch: number }) => ({
      model: epoch === 1 ? holdOf(jobId, epoch).promise : (holds.get(`${jobId}/${epoch}`)?.promise ?? 0),
    });
    tasks = new ScriptedTasks(scriptOf, { scratchDir: tmpdir() });
    harness = await startAwsHarness({ engine: tasks.engine, slots: 4 });
  }, 60_000);
  afterAll(async () => {
    await harness.close();
    tasks.close();
  });

  function holdOf(jobId: string, epoch: number): PromiseWithResolvers<void> {
    const hold = holds.get(`${jobId}/${epoch}`) ?? Promise.withResolvers<void>();
    holds.set(`${jobId}/${epoch}`, hold);
    return hold;
  }

  /** A job whose first attempt runs, and will not end by any stop. */
  async function runningZombie(): Promise<JobId> {
    const { job_id: jobId } = await harness.client.infer({ inputPath: harness.input('plain'), model: 'echo' });
    if (!isJobId(jobId)) throw new Error('the API gave no job id');
    await until(
      async () => (await harness.record(jobId)).phase,
      (phase) => phase === 'running',
    );
    harness.platform.simulator.setFate((await harness.record(jobId)).attempt?.task ?? '', 'zombie');
    return jobId;
  }

  async function loseMachineOf(jobId: string): Promise<void> {
    harness.platform.simulator.terminate((await harness.instanceOf(jobId)).instanceId);
  }

  /** The first attempt's model ends; resolves when its stage-out has stored everything. */
  async function zombieEnds(jobId: string): Promise<TaskRun | undefined> {
    holdOf(jobId, 1).resolve();
    const [run] = await until(
      async () => tasks.runsOf(jobId, 1),
      ([found]) => found !== undefined && found.report !== null,
    );
    return run;
  }

  const published = (jobId: JobId) => publishedBytes(harness.services.objects, jobId);

  /** Long enough for every worker to have looked at everything. */
  async function afterTwoSweeps(): Promise<void> {
    const sweeps = async () => (await harness.log('worker')).split('"sweep.done"').length;
    const before = await sweeps();
    await until(sweeps, (count) => count >= before + 2);
  }

  it('changes nothing of the result that a later one published', async () => {
    const jobId = await runningZombie();
    await loseMachineOf(jobId);
    expect(await harness.finish(jobId)).toMatchObject({ status: 'completed', attempt: 2 });
    const record = await harness.projected(jobId);
    const before = await published(jobId);
    expect(await zombieEnds(jobId)).toMatchObject({ epoch: 1, report: 'stored' });
    await afterTwoSweeps();
    expect((await harness.record(jobId)).result).toEqual(record.result);
    expect(await published(jobId)).toEqual(before);
    expect(before.map(originOf)).toEqual(ARTIFACT_NAMES.map(() => ({ jobId, epoch: 2 })));
    expect(await harness.client.status(jobId)).toMatchObject({ status: 'completed', attempt: 2 });
  }, 60_000);

  it('is not published when it ends first, while the later one runs', async () => {
    const jobId = await runningZombie();
    holdOf(jobId, 2);
    await loseMachineOf(jobId);
    await until(
      async () => tasks.runsOf(jobId, 2),
      ([run]) => run?.modelStarted === true,
    );
    await zombieEnds(jobId);
    await afterTwoSweeps();
    expect(await harness.client.status(jobId)).toMatchObject({ status: 'running', attempt: 2 });
    holdOf(jobId, 2).resolve();
    expect(await harness.finish(jobId)).toMatchObject({ status: 'completed', attempt: 2 });
    const shown = await until(
      () => published(jobId),
      (parts) => parts.length > 0,
    );
    expect(shown.map(originOf)).toEqual(ARTIFACT_NAMES.map(() => ({ jobId, epoch: 2 })));
  }, 60_000);

  it('does not bring back a job that was cancelled', async () => {
    const jobId = await runningZombie();
    await harness.client.cancel(jobId);
    expect(await harness.finish(jobId)).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
    await zombieEnds(jobId);
    await afterTwoSweeps();
    expect(await harness.client.status(jobId)).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
    await expect(harness.client.result(jobId)).rejects.toMatchObject({ code: 'job_failed' });
    await expect(published(jobId)).rejects.toMatchObject({ name: 'ObjectNotFound' });
  }, 60_000);
});
