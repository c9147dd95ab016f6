import { execFile } from 'node:child_process';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { TaskState } from './task-metadata.ts';
import type { WatchTimes } from './task-watch.ts';
import { eventually, stopped, taskBench, taskState, type TaskBench } from './testing/task-bench.ts';
import { watchModel } from './watch-model.ts';

/** A little less than Linux's PATH_MAX. */
const PATH_BYTES = 4_000;

describe('watching a model', () => {
  let bench: TaskBench;
  let stop: AbortController;
  let starts: number;
  afterEach(async () => {
    stop.abort();
    await bench.close();
  });

  async function watching(
    says: TaskState | null,
    { outputBytesMax = 100_000, times }: { outputBytesMax?: number; times?: Partial<WatchTimes> } = {},
  ) {
    bench = await taskBench({ times: times ?? {} });
    bench.agent.says = says;
    stop = new AbortController();
    starts = 0;
    const watch = { ...bench.stage.watch, outputBytesMax, onStart: () => void (starts += 1) };
    return { fate: watchModel(watch, bench.work, stop.signal) };
  }
  const model = (state: TaskState['model'], more: Partial<TaskState> = {}) => taskState({ model: state, ...more });
  const exited = (exitCode: number) => ({
    kind: 'ended',
    end: { cause: 'exited', exit_code: exitCode, started_at_ms: 1_000, ended_at_ms: 3_000 },
  });

  it('sees it start once and end', async () => {
    const { fate } = await watching(model({ state: 'waiting' }));
    bench.agent.says = model({ state: 'running' });
    await bench.seen();
    await bench.seen();
    bench.agent.says = model(stopped(0));
    expect(await fate).toEqual(exited(0));
    expect(starts).toBe(1);
  });

  it('bears an agent that is away for a while', async () => {
    const { fate } = await watching(null);
    await bench.seen();
    bench.agent.says = model({ state: 'running' });
    await bench.seen();
    bench.agent.says = null;
    await bench.seen();
    bench.agent.says = model(stopped(3));
    expect(await fate).toEqual(exited(3));
  });

  it('has no deadline for one that started', async () => {
    const { fate } = await watching(model({ state: 'running' }), { times: { startDeadlineMs: 1 } });
    await bench.seen();
    await bench.seen();
    bench.agent.says = model(stopped(0));
    expect(await fate).toEqual(exited(0));
  });

  it('gives up one that does not start, also while the agent is away', async () => {
    const notStarted = { kind: 'left_to_runner', why: 'model_not_started' };
    expect(await (await watching(null, { times: { startDeadlineMs: 20 } })).fate).toEqual(notStarted);
    await bench.close();
    const { fate } = await watching(model({ state: 'waiting' }), { times: { startDeadlineMs: 20 } });
    expect(await fate).toEqual(notStarted);
  });

  it('does not wait for one that cannot start any more, because stage-in failed after its verdict', async () => {
    const { fate } = await watching(model({ state: 'waiting' }, { stageIn: stopped(137) }));
    expect(await fate).toEqual({ kind: 'left_to_runner', why: 'model_not_started' });
  });

  it('takes no exit code for the model’s that was made up for one that never started', async () => {
    const { fate } = await watching(model({ state: 'stopped', exitCode: 128, startedAtMs: null, endedAtMs: 3_000 }));
    expect(await fate).toEqual({ kind: 'left_to_runner', why: 'model_not_started' });
  });

  it.each([0, 1])('leaves one to the runner that ended with %i as its task is stopped', async (exitCode) => {
    const { fate } = await watching(model(stopped(exitCode), { stopping: true }));
    expect(await fate).toEqual({ kind: 'left_to_runner', why: 'task_stopping' });
  });

  it('waits a moment whether a stop is why it failed', async () => {
    const { fate } = await watching(model(stopped(1)), { times: { stopSettleMs: 60_000 } });
    await eventually(() => bench.agent.answers > 0);
    stop.abort();
    await expect(fate).rejects.toMatchObject({ name: 'AbortError' });
    await bench.close();

    const later = await watching(model(stopped(1)));
    bench.agent.says = model(stopped(1), { stopping: true });
    expect(await later.fate).toEqual({ kind: 'left_to_runner', why: 'task_stopping' });
  });

  it.each([0, 137])('calls the output too large whatever it ended with, such as %i', async (exitCode) => {
    const { fate } = await watching(model({ state: 'waiting' }), { outputBytesMax: 10_000 });
    await writeFile(join(bench.work.file('outputs'), 'flood'), Buffer.alloc(20_000));
    bench.agent.says = model(stopped(exitCode));
    expect(await fate).toMatchObject({ kind: 'ended', end: { cause: 'output_too_large' } });
  });

  it('measures the folder of the log too', async () => {
    const { fate } = await watching(model({ state: 'running' }), { outputBytesMax: 100_000 });
    const flood = join(dirname(bench.work.file('logs')), 'flood');
    await writeFile(flood, '');
    await truncate(flood, 200_000);
    expect(await fate).toMatchObject({ end: { cause: 'output_too_large' } });
  });

  it('calls folders too large that are nested deeper than a path can be long', async () => {
    const { fate } = await watching(model({ state: 'running' }));
    await nestFolders(bench.work.file('outputs'));
    expect(await fate).toMatchObject({ end: { cause: 'output_too_large' } });
  });

  it.each<[string, TaskState | null]>([
    ['before the model starts', model({ state: 'waiting' })],
    ['while it runs', model({ state: 'running' })],
    ['while the agent is away', null],
  ])('ends with the signal %s', async (_, says) => {
    const { fate } = await watching(says);
    await bench.seen();
    stop.abort();
    await expect(fate).rejects.toMatchObject({ name: 'AbortError' });
  });
});

/** The last step by a relative path: from inside, folders can be nested deeper than any path from the root reaches. */
async function nestFolders(outputs: string): Promise<void> {
  const name = 'n'.repeat(255);
  let path = outputs;
  while (path.length + name.length < PATH_BYTES) await mkdir((path = join(path, name)));
  await promisify(execFile)('mkdir', [name], { cwd: path });
}
