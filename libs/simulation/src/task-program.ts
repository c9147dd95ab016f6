import { createHash } from 'node:crypto';
import {
  ARTIFACTS,
  attemptArtifactKey,
  inputKey,
  jobFileKey,
  reportKey,
  type ArtifactName,
  type AttemptReport,
  type FailureCode,
  type Manifest,
} from '@bpi/job-contract';
import { readText, type ObjectStore, type StopCause, type TaskSpec } from '@bpi/jobs';
import { kindOfInput, maskTextOf, type Kind } from './oracle.ts';
import type { Random } from './random.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { SimulatedFault } from './wire.ts';

export type TaskEnd = { cause: StopCause; exitCode: number | null };

export type TaskTools = {
  process: SimulatedProcess;
  objects: ObjectStore;
  random: Random;
  onProgress: (fraction: number) => void;
};

const TRIES_MAX = 4;
const INPUT_BYTES_MAX = 1_000;
const EXITED: TaskEnd = { cause: 'exited', exitCode: 0 };

const FAILED: Readonly<Record<Exclude<Kind, 'good' | 'endless'>, { code: FailureCode; exitCode: number }>> = {
  refused: { code: 'invalid_input', exitCode: 10 },
  broken: { code: 'model_error', exitCode: 1 },
  hungry: { code: 'out_of_memory', exitCode: 11 },
  wrong_mask: { code: 'invalid_output', exitCode: 0 },
};

/** One attempt from its input to its report: stage-in, the model, stage-out. What it stores follows from the input. */
export async function runTask(tools: TaskTools, spec: TaskSpec): Promise<TaskEnd> {
  const { process, objects, random } = tools;
  try {
    const input = await persist(tools, () => readText(objects, inputKey(spec.jobId), INPUT_BYTES_MAX));
    const kind = input === null ? null : kindOfInput(input);
    // Deleted under a task that nobody waits for any more: there is nothing to run on.
    if (input === null || kind === null) return { cause: 'exited', exitCode: 1 };
    await persist(tools, () => readText(objects, jobFileKey(spec.jobId), INPUT_BYTES_MAX));
    await process.pause(random.between(500, 10_000));
    tools.onProgress(0.5);
    if (kind === 'endless') return await new Promise<TaskEnd>(() => {});
    await process.pause(random.between(500, 15_000));
    // Some models are killed by the limit before they can say anything.
    if (kind === 'hungry' && !spec.shrunk && random.chance(0.5)) return { cause: 'out_of_memory', exitCode: 137 };
    const isGood = kind === 'good' || (kind === 'hungry' && spec.shrunk);
    const report = isGood ? await storeResult(tools, spec, input) : failedReport(spec, FAILED[kind]);
    await putOnce(tools, reportKey(spec.jobId, spec.epoch), JSON.stringify(report));
    await process.pause(random.between(0, 500));
    return isGood || kind === 'wrong_mask' ? EXITED : { cause: 'exited', exitCode: FAILED[kind].exitCode };
  } catch (error) {
    if (error instanceof SimulatedFault) return { cause: 'unknown', exitCode: null };
    throw error;
  }
}

async function storeResult(tools: TaskTools, spec: TaskSpec, input: string): Promise<AttemptReport> {
  const { jobId, epoch } = spec;
  const contents: readonly (readonly [ArtifactName, string])[] = [
    ['pred_mask.npz', maskTextOf(input)],
    ['metadata.json', JSON.stringify({ attempt: epoch })],
  ];
  const manifest: Manifest = [];
  for (const [name, content] of contents) {
    const key = attemptArtifactKey(jobId, epoch, name);
    await putOnce(tools, key, content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    manifest.push({ name, key, bytes: content.length, sha256, media_type: ARTIFACTS[name].mediaType });
  }
  return { schema_version: 1, job_id: jobId, epoch, result: 'stored', manifest };
}

function failedReport(spec: TaskSpec, failure: { code: FailureCode; exitCode: number }): AttemptReport {
  const { jobId, epoch } = spec;
  return {
    schema_version: 1,
    job_id: jobId,
    epoch,
    result: 'failed',
    code: failure.code,
    detail: `exit_${failure.exitCode}`,
    exit_code: failure.exitCode,
  };
}

async function putOnce(tools: TaskTools, key: string, content: string): Promise<void> {
  await persist(tools, () => tools.objects.put(key, Buffer.from(content), { ifAbsent: true }));
}

/** The stager tries a few times before it gives up. */
async function persist<T>(tools: TaskTools, call: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof SimulatedFault) || tried === TRIES_MAX) throw error;
      await tools.process.pause(1_000);
    }
  }
}
