import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ListedTask, Observation, TaskEvent, TaskId, TaskRunner, TaskSpec } from '@bpi/jobs';

/** What a task of the suite does once launched. Each call of `specOf` gives a job of its own, epoch 1. */
export type TaskKind = 'finishes' | 'runs_until_stopped' | 'ignores_stop' | 'cannot_start';

export type TaskRunnerHarness = {
  runner: TaskRunner;
  specOf(kind: TaskKind): TaskSpec;
  /** Lets the backend go on until the condition holds; rejects when it does not within the harness's own limit. */
  settle(condition: () => Promise<boolean>): Promise<void>;
  /** Another worker's runner over the same backend. */
  second(): Promise<TaskRunner>;
  /** Ends and removes all that the test left. */
  close(): Promise<void>;
};

/** Time for one obligation: containers of a slow machine included. */
const OBLIGATION_TIMEOUT_MS = 60_000;

/** The obligations of `TaskRunner`, on any backend. */
export function describeTaskRunner(name: string, make: () => Promise<TaskRunnerHarness>): void {
  describe(`TaskRunner: ${name}`, () => {
    let harness: TaskRunnerHarness;
    beforeEach(async () => {
      harness = await make();
    }, OBLIGATION_TIMEOUT_MS);
    afterEach(async () => {
      await harness.close();
    }, OBLIGATION_TIMEOUT_MS);

    const obligation = (title: string, test: () => Promise<void>) => it(title, test, OBLIGATION_TIMEOUT_MS);

    describeLaunch(() => harness, obligation);
    describeEnd(() => harness, obligation);
    describeRemains(() => harness, obligation);
    describeEvents(() => harness, obligation);
  });
}

type Obligation = (title: string, test: () => Promise<void>) => void;

function describeLaunch(harness: () => TaskRunnerHarness, obligation: Obligation): void {
  obligation('does not know a task that was never launched', async () => {
    const { runner, specOf } = harness();
    const spec = specOf('finishes');
    expect(await runner.inspect(taskOf(spec))).toEqual({ state: 'missing' });
    expect((await runner.list()).some(({ jobId }) => jobId === spec.jobId)).toBe(false);
  });

  obligation('launches a task that is seen under the answered name, with that name and without', async () => {
    const { runner, specOf } = harness();
    const spec = specOf('runs_until_stopped');
    const ref = await launched(runner, spec);
    await seenAs(harness(), spec, 'running');
    expect(await runner.inspect(taskOf(spec))).toMatchObject({ state: 'running', ref });
    expect(await runner.inspect({ ...taskOf(spec), ref })).toMatchObject({ state: 'running', ref });
  });

  obligation('answers a repeated launch with the same task', async () => {
    const { runner, specOf } = harness();
    const spec = specOf('runs_until_stopped');
    const ref = await launched(runner, spec);
    expect(await launched(runner, spec)).toBe(ref);
    await seenAs(harness(), spec, 'running');
    expect(await launched(runner, spec)).toBe(ref);
    expect((await runner.list()).filter(({ jobId }) => jobId === spec.jobId)).toHaveLength(1);
  });

  obligation('makes one task of ten launches at once by two workers', async () => {
    const { runner, specOf, second } = harness();
    const other = await second();
    const spec = specOf('runs_until_stopped');
    const refs = await Promise.all(Array.from({ length: 10 }, (_, n) => launched(n % 2 === 0 ? runner : other, spec)));
    expect(new Set(refs).size).toBe(1);
    await seenAs(harness(), spec, 'running');
    expect((await runner.list()).filter(({ jobId }) => jobId === spec.jobId)).toHaveLength(1);
  });

  obligation('answers a launch after the task stopped with that task, and does not run it again', async () => {
    const { runner, specOf, second } = harness();
    const spec = specOf('finishes');
    const ref = await launched(runner, spec);
    await seenAs(harness(), spec, 'stopped');
    expect(await launched(runner, spec)).toBe(ref);
    expect(await launched(await second(), spec)).toBe(ref);
    expect(await runner.inspect(taskOf(spec))).toMatchObject({ state: 'stopped', ref });
  });

  obligation('takes two epochs of one job for two tasks', async () => {
    const { runner, specOf } = harness();
    const first = specOf('finishes');
    const again = { ...first, epoch: 2 };
    const ref = await launched(runner, first);
    await seenAs(harness(), first, 'stopped');
    expect(await runner.inspect(taskOf(again))).toEqual({ state: 'missing' });
    expect(await launched(runner, again)).not.toBe(ref);
    await seenAs(harness(), again, 'stopped');
  });
}

function describeEnd(harness: () => TaskRunnerHarness, obligation: Obligation): void {
  obligation('says that a task cannot start: refused, or stopped without an exit code', async () => {
    const { runner, specOf } = harness();
    const spec = specOf('cannot_start');
    const result = await runner.launch(spec);
    if (result.kind === 'refused') {
      expect(['capacity_unavailable', 'model_unavailable', 'platform_error']).toContain(result.code);
      return;
    }
    const seen = await seenAs(harness(), spec, 'stopped');
    expect(['image_unavailable', 'device_unavailable', 'no_capacity']).toContain(seen.cause);
    expect(seen.exitCode).toBeNull();
  });

  obligation('reports how a task ended by itself', async () => {
    const { runner, specOf } = harness();
    const spec = specOf('finishes');
    await launched(runner, spec);
    expect(await seenAs(harness(), spec, 'stopped')).toMatchObject({ cause: 'exited', exitCode: 0 });
  });

  obligation('stops a running task on request, asked once or twice', async () => {
    const { runner, specOf } = harness();
    const spec = specOf('runs_until_stopped');
    const ref = await launched(runner, spec);
    await seenAs(harness(), spec, 'running');
    await runner.stop({ ...taskOf(spec), ref }, 'ask');
    await runner.stop(taskOf(spec), 'ask');
    expect(await seenAs(harness(), spec, 'stopped')).toMatchObject({ cause: 'stop_requested', ref });
    await runner.stop(taskOf(spec), 'ask');
    expect((await runner.inspect(taskOf(spec))).state).toBe('stopped');
  });

  obligation('takes a task away by force that does not stop when asked', async () => {
    const { runner, specOf } = harness();
    const spec = specOf('ignores_stop');
    await launched(runner, spec);
    await seenAs(harness(), spec, 'running');
    await runner.stop(taskOf(spec), 'ask');
    await runner.stop(taskOf(spec), 'force');
    await runner.stop(taskOf(spec), 'force');
    await seenAs(harness(), spec, 'stopped');
  });

  obligation('lets another worker see, repeat and stop a task', async () => {
    const { runner, specOf, second } = harness();
    const spec = specOf('runs_until_stopped');
    const ref = await launched(runner, spec);
    await seenAs(harness(), spec, 'running');
    const other = await second();
    expect(await other.inspect(taskOf(spec))).toMatchObject({ state: 'running', ref });
    expect(await launched(other, spec)).toBe(ref);
    await other.stop(taskOf(spec), 'ask');
    await seenAs(harness(), spec, 'stopped');
    expect((await other.inspect(taskOf(spec))).state).toBe('stopped');
  });

  obligation('takes a stop of an unknown task for nothing to do', async () => {
    const { runner, specOf } = harness();
    const spec = specOf('finishes');
    await runner.stop(taskOf(spec), 'ask');
    await runner.stop({ ...taskOf(spec), ref: 'a-task-that-never-was' }, 'force');
  });
}

function describeRemains(harness: () => TaskRunnerHarness, obligation: Obligation): void {
  obligation('lists live and stopped tasks until they are removed', async () => {
    const { runner, specOf, settle } = harness();
    const running = specOf('runs_until_stopped');
    const ended = specOf('finishes');
    const runningRef = await launched(runner, running);
    const endedRef = await launched(runner, ended);
    await seenAs(harness(), running, 'running');
    await seenAs(harness(), ended, 'stopped');
    await settle(async () => (await listedOf(runner, running)) !== undefined);
    await settle(async () => (await listedOf(runner, ended))?.live === false);
    expect(await listedOf(runner, running)).toEqual({ jobId: running.jobId, epoch: 1, ref: runningRef, live: true });
    expect(await listedOf(runner, ended)).toEqual({ jobId: ended.jobId, epoch: 1, ref: endedRef, live: false });

    await runner.remove(taskOf(ended));
    await settle(async () => (await listedOf(runner, ended)) === undefined);
    expect(await runner.inspect(taskOf(ended))).toEqual({ state: 'missing' });
    expect(await listedOf(runner, running)).toMatchObject({ live: true });
  });

  obligation('leaves a live task alone when asked to remove it', async () => {
    const { runner, specOf } = harness();
    const spec = specOf('runs_until_stopped');
    const ref = await launched(runner, spec);
    await seenAs(harness(), spec, 'running');
    await runner.remove({ ...taskOf(spec), ref });
    expect(await runner.inspect(taskOf(spec))).toMatchObject({ state: 'running', ref });
  });

  obligation('removes twice, and what never was, without complaint', async () => {
    const { runner, specOf } = harness();
    const spec = specOf('finishes');
    await runner.remove(taskOf(spec));
    await launched(runner, spec);
    await seenAs(harness(), spec, 'stopped');
    await runner.remove(taskOf(spec));
    await runner.remove(taskOf(spec));
    expect(await runner.inspect(taskOf(spec))).toEqual({ state: 'missing' });
  });
}

function describeEvents(harness: () => TaskRunnerHarness, obligation: Obligation): void {
  obligation('sends a wake-up for a task that ended, and no more once aborted', async () => {
    const { runner, specOf, settle } = harness();
    const spec = specOf('finishes');
    const abort = new AbortController();
    const seen: TaskEvent[] = [];
    const reading = (async () => {
      for await (const event of runner.events(abort.signal)) seen.push(event);
    })();
    await launched(runner, spec);
    await seenAs(harness(), spec, 'stopped');
    await settle(async () => seen.some(({ kind, jobId }) => kind === 'changed' && jobId === spec.jobId));
    abort.abort();
    await reading;
  });

  obligation('ends the stream of wake-ups at once when it was aborted before', async () => {
    for await (const event of harness().runner.events(AbortSignal.abort())) throw new Error(`unexpected ${event.kind}`);
  });
}

function taskOf(spec: TaskSpec): TaskId {
  return { jobId: spec.jobId, epoch: spec.epoch, ref: null };
}

async function launched(runner: TaskRunner, spec: TaskSpec): Promise<string> {
  const result = await runner.launch(spec);
  if (result.kind !== 'launched') throw new Error(`the launch was refused: ${result.code}`);
  return result.ref;
}

/** Waits until the runner sees the task in this state; what it saw. */
async function seenAs<S extends Observation['state']>(
  harness: TaskRunnerHarness,
  spec: TaskSpec,
  state: S,
): Promise<Extract<Observation, { state: S }>> {
  const isSo = (seen: Observation): seen is Extract<Observation, { state: S }> => seen.state === state;
  let last: Observation = { state: 'missing' };
  await harness.settle(async () => {
    last = await harness.runner.inspect(taskOf(spec));
    return isSo(last);
  });
  const seen: Observation = last;
  if (!isSo(seen)) throw new Error(`the task should be ${state}`);
  return seen;
}

async function listedOf(runner: TaskRunner, spec: TaskSpec): Promise<ListedTask | undefined> {
  return (await runner.list()).find(({ jobId, epoch }) => jobId === spec.jobId && epoch === spec.epoch);
}
