import { createHash } from 'node:crypto';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { attemptArtifactKey, inputKey, logsKey, metadataSchema } from '@bpi/job-contract';
import { readReport, readText, type ObjectStore } from '@bpi/jobs';
import { stageIn } from './stage-in.ts';
import { stageOut } from './stage-out.ts';
import { runStageIn, runStageOut } from './task-stages.ts';
import { eventually, GOOD_MASK, stopped, taskBench, taskState, type TaskBench } from './testing/task-bench.ts';
import { WorkFolder } from './work-folder.ts';

let bench: TaskBench;
afterEach(async () => {
  bench.stop();
  await bench.close();
});

const report = () => readReport(bench.context.objects, bench.task.job_id, 1);
const logs = () => readText(bench.context.objects, logsKey(bench.task.job_id, 1), 1_000);
const noReport = (detail: string) => ({ exitCode: 1, result: 'no_report', detail });
const running = () => taskState({ stageIn: stopped(0), model: { state: 'running' } });

/** A store whose next calls of one kind fail. */
function failing(objects: ObjectStore, method: 'get' | 'put', failures: number): ObjectStore {
  let left = failures;
  return new Proxy(objects, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (name !== method || left === 0) return Reflect.apply(value, target, args);
        left -= 1;
        return Promise.reject(new Error('the store is busy'));
      };
    },
  });
}

describe('stage-in in a task', () => {
  it('lets the model start when the input lies there, and only then', async () => {
    bench = await taskBench();
    expect(await runStageIn(bench.stage)).toEqual({ exitCode: 0, result: 'ready' });
    expect((await readFile(join(bench.work.file('inputs'), 'input.npz'))).length).toBe(bench.jobFile.input.bytes);
    await bench.close();
    bench = await taskBench();
    await bench.lose(inputKey(bench.task.job_id));
    expect(await runStageIn(bench.stage)).toEqual({ exitCode: 1, result: 'failed', detail: 'input_missing' });
  });

  it('tries again what fails in passing, and leaves no verdict if that does not pass', async () => {
    bench = await taskBench();
    // The pauses of a real retry would make this slow.
    const stage = { ...bench.stage, watch: { ...bench.stage.watch, pause: async () => {} } };
    const objects = failing(bench.context.objects, 'get', 100);
    await expect(runStageIn({ ...stage, context: { ...stage.context, objects } })).rejects.toThrow('busy');
    expect(await bench.work.stageIn()).toBeNull();
    const passing = failing(bench.context.objects, 'get', 3);
    expect(await runStageIn({ ...stage, context: { ...stage.context, objects: passing } })).toMatchObject({
      exitCode: 0,
    });
  });
});

describe('stage-out in a task', () => {
  it('stores what the local composition stores, byte for byte', async () => {
    bench = await taskBench();
    const stagingOut = runStageOut(bench.stage);
    await runStageIn(bench.stage);
    bench.agent.says = running();
    await bench.playModel(0, { mask: GOOD_MASK, logs: 'a line' });
    expect(await stagingOut).toEqual({ exitCode: 0, result: 'stored' });
    expect(await logs()).toBe('a line');

    const local = new WorkFolder(join(bench.work.path, 'local'), { outputs: bench.work.file('outputs') });
    await localAttempt(local, 2);
    for (const name of ['pred_mask.npz', 'pred_mask.nii.gz', 'preview.png'] as const) {
      const [inTask, locally] = await Promise.all([1, 2].map(async (epoch) => digestOf(epoch, name)));
      expect([name, inTask]).toEqual([name, locally]);
    }
    const [inTask, locally] = await Promise.all([metadata(1), metadata(2)]);
    expect({ ...inTask, attempt: 2, timings: locally.timings }).toEqual(locally);
    expect(Object.keys(inTask.timings)).toEqual(Object.keys(locally.timings));
  });

  it('tells the worker that the model started, and how far it is', async () => {
    bench = await taskBench();
    await stageIn(bench.context, bench.work);
    const stagingOut = runStageOut(bench.stage);
    bench.agent.says = running();
    await eventually(() => bench.messages.length === 1);
    await writeFile(join(bench.work.file('outputs'), 'progress.jsonl'), '{"fraction":0.5,"step":"work"}\n');
    await eventually(() => bench.messages.length === 2);
    await bench.playModel(0, { mask: GOOD_MASK });
    await stagingOut;
    const attempt = { jobId: bench.task.job_id, epoch: 1 };
    expect(bench.messages).toEqual([
      { kind: 'heartbeat', ...attempt },
      { kind: 'progress', ...attempt, fraction: 0.5, step: 'work' },
    ]);
  });

  it('reports a stage-in that failed without waiting for a model', async () => {
    bench = await taskBench();
    await bench.lose(inputKey(bench.task.job_id));
    const stagingOut = runStageOut(bench.stage);
    await runStageIn(bench.stage);
    expect(await stagingOut).toEqual({ exitCode: 0, result: 'failed' });
    expect(await report()).toMatchObject({ code: 'platform_error', detail: 'input_missing' });
  });

  it.each([
    [1, 'model_error', 'exit_1'],
    [10, 'invalid_input', 'exit_10'],
    [11, 'out_of_memory', 'exit_11'],
  ])('reports a model that ended with %i', async (exitCode, code, detail) => {
    bench = await taskBench();
    await stageIn(bench.context, bench.work);
    await bench.playModel(exitCode, { mask: GOOD_MASK, logs: 'why' });
    expect(await runStageOut(bench.stage)).toEqual({ exitCode: 0, result: 'failed' });
    expect(await report()).toMatchObject({ code, detail, exit_code: exitCode });
    expect(await logs()).toBe('why');
  });

  it.each([
    [137, 'model_killed'],
    [143, 'model_killed'],
    [null, 'exit_code_unknown'],
  ])('leaves a model that ended with %p to the runner, and keeps its log', async (exitCode, detail) => {
    bench = await taskBench();
    await stageIn(bench.context, bench.work);
    await bench.playModel(exitCode, { mask: GOOD_MASK, logs: 'so far' });
    expect(await runStageOut(bench.stage)).toEqual(noReport(detail));
    expect([await report(), await logs()]).toEqual([null, 'so far']);
  });

  it('says so when stage-in died without a verdict, or the model did not start in time', async () => {
    bench = await taskBench({ times: { startDeadlineMs: 30 } });
    bench.agent.says = taskState({ stageIn: stopped(1) });
    expect(await runStageOut(bench.stage)).toEqual(noReport('no_verdict'));
    await stageIn(bench.context, bench.work);
    expect(await runStageOut(bench.stage)).toEqual(noReport('model_not_started'));
    expect(await report()).toBeNull();
  });

  it('gives up when nothing is heard of the task any more', async () => {
    bench = await taskBench({ times: { silentMsMax: 30 } });
    bench.agent.says = null;
    expect(await runStageOut(bench.stage)).toEqual(noReport('metadata_silent'));
    await stageIn(bench.context, bench.work);
    expect(await runStageOut(bench.stage)).toEqual(noReport('metadata_silent'));
  });

  it('ends a model that writes too much, by ending itself', async () => {
    bench = await taskBench({ outputBytesMax: 10_000 });
    await stageIn(bench.context, bench.work);
    const stagingOut = runStageOut(bench.stage);
    bench.agent.says = running();
    await writeFile(join(bench.work.file('outputs'), 'flood'), '');
    await truncate(join(bench.work.file('outputs'), 'flood'), 10_001);
    expect(await stagingOut).toEqual({ exitCode: 0, result: 'failed' });
    expect(await report()).toMatchObject({ code: 'invalid_output', detail: 'output_too_large' });
  });

  async function localAttempt(work: WorkFolder, epoch: number): Promise<void> {
    await mkdir(work.path);
    await work.writeTask({ ...bench.task, epoch });
    await stageIn(bench.context, work);
    const end = { cause: 'exited' as const, exit_code: 0, started_at_ms: 1_000, ended_at_ms: 3_000 };
    await work.writeModelEnd(end);
    await stageOut(bench.context, work);
  }
  async function digestOf(epoch: number, name: 'pred_mask.npz' | 'pred_mask.nii.gz' | 'preview.png') {
    const source = await bench.context.objects.get(attemptArtifactKey(bench.task.job_id, epoch, name));
    const hash = createHash('sha256');
    for await (const part of source) hash.update(part);
    return hash.digest('hex');
  }
  async function metadata(epoch: number) {
    const key = attemptArtifactKey(bench.task.job_id, epoch, 'metadata.json');
    return metadataSchema.parse(JSON.parse((await readText(bench.context.objects, key, 100_000)) ?? ''));
  }
});
