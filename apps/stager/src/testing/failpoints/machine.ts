/** What the machines of a story do: the stager's real stages around a model that is a function. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { INPUT_FILE } from '@bpi/job-contract';
import { writeMaskNpz, type Mask } from '@bpi/volumes';
import { stageIn } from '../../stage-in.ts';
import { stageOut } from '../../stage-out.ts';
import type { StagerContext } from '../../stager-context.ts';
import { SHAPE } from '../stager-bench.ts';
import type { TaskFolder } from './folder-runner.ts';

/** What becomes of an attempt's model. */
export type Behaviour =
  | 'ends' // with a mask
  | 'killed' // by nobody knows whom: the platform's fault
  | 'fails'
  /** Never ends, and does not listen when it is asked to. */
  | 'stubborn';

const EXIT_CODES = { ends: 0, killed: 137, fails: 1, stubborn: 0 } as const;

/**
 * Brings a task one step on: stage-in, or the model's end and stage-out. A stage that throws is tried again at the next
 * step, as every runner does it.
 */
export async function workOn(context: StagerContext, task: TaskFolder, behaviour: Behaviour): Promise<void> {
  const { work } = task;
  if ((await task.ended()) !== null) return;
  const wish = await task.stopWanted();
  if (wish === 'force' || (wish === 'ask' && behaviour !== 'stubborn')) {
    await task.end({ cause: 'stop_requested', exitCode: null });
    return;
  }
  if ((await work.stageIn()) === null) {
    await stageIn(context, work);
    return;
  }
  if (behaviour === 'stubborn') return;
  const exitCode = EXIT_CODES[behaviour];
  await task.takeStager();
  if ((await work.modelEnd()) === null) {
    if (behaviour === 'ends') await runModel(join(work.file('inputs'), INPUT_FILE), work.file('outputs'));
    await writeFile(work.file('logs'), 'the model says something');
    const atMs = context.clock.nowMs();
    await work.writeModelEnd({ cause: 'exited', exit_code: exitCode, started_at_ms: atMs, ended_at_ms: atMs });
  }
  await stageOut(context, work);
  await task.end({ cause: 'exited', exitCode });
}

async function runModel(inputPath: string, outputs: string): Promise<void> {
  await writeMaskNpz(join(outputs, INPUT_FILE), oracle(await readFile(inputPath)));
}

/** The mask of an input: every voxel follows from every byte. */
export function oracle(input: Uint8Array): Mask {
  const digest = createHash('sha256').update(input).digest();
  const data = Uint8Array.from(
    { length: SHAPE[0] * SHAPE[1] * SHAPE[2] },
    (_, at) => [0, 1, 3][(digest[at] ?? 0) % 3] ?? 0,
  );
  return { shape: SHAPE, data, labels: [] };
}
