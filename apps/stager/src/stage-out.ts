import { join } from 'node:path';
import { failureOfExit, reportKey } from '@bpi/job-contract';
import type { AttemptReport, FailureCode, ModelEnd, TaskFile } from '@bpi/job-contract';
import { hasCode } from '@bpi/model-files';
import { VolumeError } from '@bpi/volumes';
import { storeArtifacts, writeArtifacts } from './artifacts.ts';
import { storeLogs } from './model-logs.ts';
import { readModelMetrics } from './model-metrics.ts';
import { MaskMissing, readModelMask } from './model-output.ts';
import { effectiveParams, readJobFile, wrongModel, type StagerContext } from './stager-context.ts';
import type { WorkFolder } from './work-folder.ts';

/** Where artifacts are written before they are stored; inside the attempt's folder, so it goes with it. */
const ARTIFACTS_FOLDER = 'artifacts';

/**
 * Checks what the model wrote, converts and stores it, and writes `report.json` last. Idempotent: a report that
 * is there stands, and every object is stored only if absent. Throws only when the platform is at fault in
 * passing; the runner tries again.
 */
export async function stageOut(context: StagerContext, work: WorkFolder): Promise<AttemptReport['result'] | 'present'> {
  const task = await work.task();
  const key = reportKey(task.job_id, task.epoch);
  if ((await context.objects.head(key)) !== null) return 'present';
  const report = await makeReport(context, work, task);
  await storeLogs(context, work, task);
  await context.objects.put(key, Buffer.from(JSON.stringify(report)), { ifAbsent: true });
  return report.result;
}

async function makeReport(context: StagerContext, work: WorkFolder, task: TaskFile): Promise<AttemptReport> {
  const verdict = await work.stageIn();
  if (verdict?.result === 'failed') return failed(task, verdict.code, verdict.detail, null);
  const end = await work.modelEnd();
  if (verdict === null || end === null) return failed(task, 'platform_error', 'model_never_started', null);
  const failure = failureOfEnd(end);
  if (failure !== null) return failed(task, failure.code, failure.detail, end.exit_code);
  return storeResult(context, work, task, { end, stageInMs: verdict.duration_ms });
}

/** Why a model container that ended has no result, or null if it ended well. */
function failureOfEnd(end: ModelEnd): { code: FailureCode; detail: string } | null {
  switch (end.cause) {
    case 'out_of_memory':
      return { code: 'out_of_memory', detail: 'memory_limit' };
    case 'output_too_large':
      return { code: 'invalid_output', detail: 'output_too_large' };
    case 'image_unavailable':
    case 'device_unavailable':
      return { code: 'model_unavailable', detail: end.cause };
    case 'not_started':
      return { code: 'platform_error', detail: end.cause };
    case 'exited': {
      if (end.exit_code === null) return { code: 'platform_error', detail: 'exit_code_unknown' };
      const code = failureOfExit({ exitCode: end.exit_code, oomKilled: false });
      return code === null ? null : { code, detail: `exit_${end.exit_code}` };
    }
  }
}

async function storeResult(
  context: StagerContext,
  work: WorkFolder,
  task: TaskFile,
  { end, stageInMs }: { end: ModelEnd; stageInMs: number | undefined },
): Promise<AttemptReport> {
  const startedMs = context.clock.monotonicMs();
  const manifest = context.catalogue.findVersion(task.model);
  const jobFile = await readJobFile(context.objects, task);
  if (manifest === null) return failed(task, 'model_unavailable', 'model_version_gone', end.exit_code);
  if (jobFile === null) return failed(task, 'platform_error', 'job_file_missing', end.exit_code);
  const wrong = wrongModel(jobFile, task);
  if (wrong !== null) return failed(task, 'model_unavailable', wrong, end.exit_code);
  const timings = () => ({
    ...(stageInMs === undefined ? {} : { stage_in_ms: stageInMs }),
    ...(end.started_at_ms === null || end.ended_at_ms === null
      ? {}
      : { model_ms: end.ended_at_ms - end.started_at_ms }),
    stage_out_ms: Math.round(context.clock.monotonicMs() - startedMs),
  });
  const mask = await readModelMask(work.file('outputs'), jobFile, manifest).catch(checkFailed);
  if (typeof mask === 'string') return failed(task, 'invalid_output', mask, end.exit_code);
  const metrics = await readModelMetrics(work.file('outputs'));
  const params = effectiveParams(jobFile, manifest, task);
  const folder = join(work.path, ARTIFACTS_FOLDER);
  const facts = { task, jobFile, manifest, params, mask, metrics };
  await writeArtifacts(folder, { ...facts, inputs: work.file('inputs'), timings });
  const stored = await storeArtifacts(context.objects, task, folder);
  return { schema_version: 1, job_id: task.job_id, epoch: task.epoch, result: 'stored', manifest: stored };
}

/** The check's own word for what is wrong with the model's mask; anything else is not the model's fault. */
function checkFailed(error: unknown): string {
  if (error instanceof MaskMissing) return 'mask_missing';
  if (error instanceof VolumeError) return error.code;
  // Where model and stager are one user, a model can leave a file that nobody may read.
  if (hasCode(error, 'EACCES')) return 'mask_unreadable';
  throw error;
}

function failed(task: TaskFile, code: FailureCode, detail: string, exitCode: number | null): AttemptReport {
  return {
    schema_version: 1,
    job_id: task.job_id,
    epoch: task.epoch,
    result: 'failed',
    code,
    detail,
    exit_code: exitCode,
  };
}
