import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { attemptArtifactKey, reportKey } from '@bpi/job-contract';
import { readReport, type ObjectStore } from '@bpi/jobs';
import { orStopped } from './or-stopped.ts';
import { stageIn } from './stage-in.ts';
import { StoppableObjects } from './stoppable-objects.ts';
import { runStageIn, runStageOut, type StageEnd, type TaskStage } from './task-stages.ts';
import { eventually, GOOD_MASK, stopped, taskBench, taskState, type TaskBench } from './testing/task-bench.ts';

const GRACE_MS = 10_000;

let bench: TaskBench;
const lives: AbortController[] = [];
afterEach(async () => {
  for (const stop of lives.splice(0)) stop.abort();
  await bench.close();
});

const report = () => readReport(bench.context.objects, bench.task.job_id, 1);

/** One life of a container, as `main` gives it: a signal of its own, through every object. */
function life(run: (stage: TaskStage) => Promise<StageEnd>, objects: ObjectStore = bench.context.objects) {
  const stop = new AbortController();
  lives.push(stop);
  const lastKey = reportKey(bench.task.job_id, 1);
  const stoppable = new StoppableObjects(objects, { signal: stop.signal, lastKey });
  const stage = { ...bench.stage, signal: stop.signal, context: { ...bench.context, objects: stoppable } };
  return { ended: orStopped(run(stage), stop.signal, GRACE_MS), stop: () => stop.abort() };
}

/** A store that tells of each put before it does it, and waits for the answer. */
function watched(beforePut: (key: string) => Promise<void>): ObjectStore {
  const { objects } = bench.context;
  return new Proxy(objects, {
    get: (target, name) => {
      if (name === 'put') {
        return async (...args: Parameters<ObjectStore['put']>) => {
          await beforePut(args[0]);
          return target.put(...args);
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Brings the attempt to where stage-out is in a phase, and waits until it has seen that. */
const PHASES: Record<string, () => Promise<void>> = {
  'stage-in runs': async () => bench.seen(),
  'the model waits': async () => {
    await stageIn(bench.context, bench.work);
    await bench.seen();
  },
  'the model runs': async () => {
    await stageIn(bench.context, bench.work);
    await writeFile(join(bench.work.file('outputs'), 'progress.jsonl'), '{"fraction":0.5,"step":"work"}\n');
    bench.agent.says = taskState({ stageIn: stopped(0), model: { state: 'running' } });
    await bench.seen();
  },
  'the agent is away': async () => {
    await stageIn(bench.context, bench.work);
    bench.agent.says = null;
    await bench.seen();
  },
};

describe('stage-out that is told to end', () => {
  it.each(Object.keys(PHASES))(
    'ends without a report while %s, and goes on when it is started again',
    async (phase) => {
      bench = await taskBench();
      const first = life(runStageOut);
      await PHASES[phase]?.();
      first.stop();
      expect(await first.ended).toBe('stopped');
      expect(await report()).toBeNull();

      const second = life(runStageOut);
      await stageIn(bench.context, bench.work);
      await bench.playModel(0, { mask: GOOD_MASK });
      expect(await second.ended).toEqual({ exitCode: 0, result: 'stored' });
    },
  );

  it.each(['metadata.json', 'pred_mask.npz'] as const)(
    'stores no report when it comes before %s, and the rest when it is started again',
    async (name) => {
      bench = await taskBench();
      await stageIn(bench.context, bench.work);
      await bench.playModel(0, { mask: GOOD_MASK, logs: 'so far' });
      const key = attemptArtifactKey(bench.task.job_id, 1, name);
      const first = life(
        runStageOut,
        watched(async (put) => {
          if (put === key) first.stop();
        }),
      );
      expect(await first.ended).toBe('stopped');
      expect(await report()).toBeNull();
      expect(await bench.work.modelEnd()).toMatchObject({ exit_code: 0 });
      // The model's container may be forgotten by then.
      bench.agent.says = null;
      expect(await life(runStageOut).ended).toEqual({ exitCode: 0, result: 'stored' });
    },
  );

  it('finishes a report that is on its way', async () => {
    bench = await taskBench();
    await stageIn(bench.context, bench.work);
    await bench.playModel(0, { mask: GOOD_MASK });
    const only = life(
      runStageOut,
      watched(async (put) => {
        if (put !== reportKey(bench.task.job_id, 1)) return;
        only.stop();
        await delay(1); // the signal has reached everybody
      }),
    );
    expect(await only.ended).toEqual({ exitCode: 0, result: 'stored' });
    expect(await report()).toMatchObject({ result: 'stored' });
  });

  it('has nothing left to do where a report lies there', async () => {
    bench = await taskBench();
    await stageIn(bench.context, bench.work);
    await bench.playModel(0, { mask: GOOD_MASK });
    await life(runStageOut).ended;
    const before = await bench.context.objects.head(reportKey(bench.task.job_id, 1));
    bench.agent.says = null;
    expect(await life(runStageOut).ended).toEqual({ exitCode: 0, result: 'present' });
    expect(await bench.context.objects.head(reportKey(bench.task.job_id, 1))).toEqual(before);
  });

  it('reads an output that was too large as too large again, however the model ended since', async () => {
    bench = await taskBench({ outputBytesMax: 10_000 });
    await stageIn(bench.context, bench.work);
    await writeFile(join(bench.work.file('outputs'), 'flood'), Buffer.alloc(20_000));
    bench.agent.says = taskState({ stageIn: stopped(0), model: { state: 'running' } });
    const first = life(
      runStageOut,
      watched(async () => first.stop()),
    );
    await eventually(async () => (await bench.work.modelEnd()) !== null);
    await first.ended;
    await bench.playModel(137);
    await life(runStageOut).ended;
    expect(await report()).toMatchObject({ code: 'invalid_output', detail: 'output_too_large' });
  });
});

describe('stage-in that is told to end', () => {
  it('leaves no verdict, and brings the input when it is started again', async () => {
    bench = await taskBench();
    const first = life(runStageIn);
    first.stop();
    expect(await first.ended).toBe('stopped');
    expect(await bench.work.stageIn()).toBeNull();
    expect(await life(runStageIn).ended).toEqual({ exitCode: 0, result: 'ready' });
    expect(await life(runStageIn).ended).toEqual({ exitCode: 0, result: 'ready' });
  });
});
