import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { INPUT_FILE, inputKey, MODEL_FILES } from '@bpi/job-contract';
import type { JobFile, StageInVerdict, TaskFile } from '@bpi/job-contract';
import { ObjectNotFound } from '@bpi/jobs';
import { effectiveParams, readJobFile, wrongModel, type StagerContext } from './stager-context.ts';
import type { WorkFolder } from './work-folder.ts';

/**
 * Any uid the container runs as may read the inputs; the folder above keeps everybody else on the host out. Set by chmod:
 * the umask cuts the modes that files are made with, and a model that cannot read its input calls it bad.
 */
const DIR_MODE = 0o755;
const FILE_MODE = 0o444;

/**
 * Brings the checked input and the params to where the model reads them, and leaves a verdict. Idempotent: a
 * verdict that is there stands. Throws only when the platform is at fault in passing; the runner tries again.
 */
export async function stageIn(context: StagerContext, work: WorkFolder): Promise<StageInVerdict> {
  const earlier = await work.stageIn();
  if (earlier !== null) return earlier;
  const startedMs = context.clock.monotonicMs();
  const verdict = await layOut(context, work, await work.task());
  const timed =
    verdict.result === 'ready'
      ? { ...verdict, duration_ms: Math.round(context.clock.monotonicMs() - startedMs) }
      : verdict;
  await work.writeStageIn(timed);
  return timed;
}

async function layOut(context: StagerContext, work: WorkFolder, task: TaskFile): Promise<StageInVerdict> {
  const manifest = context.catalogue.findVersion(task.model);
  if (manifest === null) return { result: 'failed', code: 'model_unavailable', detail: 'model_version_gone' };
  const jobFile = await readJobFile(context.objects, task);
  if (jobFile === null) return { result: 'failed', code: 'platform_error', detail: 'job_file_missing' };
  const wrong = wrongModel(jobFile, task);
  if (wrong !== null) return { result: 'failed', code: 'model_unavailable', detail: wrong };

  const inputs = work.file('inputs');
  await mkdir(inputs, { recursive: true });
  await chmod(inputs, DIR_MODE);
  const fetched = await fetchInput(context, task, jobFile, inputs);
  if (fetched !== null) return { result: 'failed', code: 'platform_error', detail: fetched };
  const params = join(inputs, MODEL_FILES.params);
  await rm(params, { force: true });
  await writeFile(params, JSON.stringify(effectiveParams(jobFile, manifest, task)));
  await chmod(params, FILE_MODE);
  return { result: 'ready' };
}

/** Null if the input lies there and is the one that was accepted, byte for byte; else what is wrong. */
async function fetchInput(
  context: StagerContext,
  task: TaskFile,
  jobFile: JobFile,
  inputs: string,
): Promise<'input_missing' | 'input_damaged' | null> {
  const part = join(inputs, `.${INPUT_FILE}.${randomUUID()}`);
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    const source = await context.objects.get(inputKey(task.job_id));
    await pipeline(source, hashing, createWriteStream(part, { flags: 'wx' }));
    if (hash.digest('hex') !== jobFile.input.sha256) return 'input_damaged';
    await chmod(part, FILE_MODE);
    await rename(part, join(inputs, INPUT_FILE));
    return null;
  } catch (error) {
    if (error instanceof ObjectNotFound) return 'input_missing';
    throw error;
  } finally {
    await rm(part, { force: true });
  }
}
