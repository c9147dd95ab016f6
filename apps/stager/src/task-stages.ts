import { join } from 'node:path';
import { LIMITS, MODEL_FILES } from '@bpi/job-contract';
import type { ModelManifest } from '@bpi/job-contract';
import { ProgressTail } from '@bpi/model-files';
import { awaitVerdict } from './await-verdict.ts';
import { storeLogs } from './model-logs.ts';
import { ProgressSender } from './progress-sender.ts';
import type { ProgressSenderOptions } from './progress-sender.ts';
import { retrying, type RetryOptions } from './retrying.ts';
import { stageIn } from './stage-in.ts';
import { stageOut } from './stage-out.ts';
import type { StagerContext } from './stager-context.ts';
import type { TaskWatch } from './task-watch.ts';
import { watchModel } from './watch-model.ts';
import type { WorkFolder } from './work-folder.ts';

/** How a stage's container ends. The words go to the log. */
export type StageEnd = { exitCode: 0 | 1; result: string; detail?: string };

/** One stage of a task, whose containers share the work folder. Aborting the signal ends it at its next step. */
export type TaskStage = {
  context: StagerContext;
  work: WorkFolder;
  manifest: ModelManifest;
  watch: TaskWatch;
  send: ProgressSenderOptions['send'];
  /** What the model may leave in its output folder. */
  outputBytesMax: number;
  signal: AbortSignal;
};

/**
 * Stage-in as a container. Exit 0 lets the model start, so only a ready verdict gives it; stage-out reads the verdict
 * in any case. Without a verdict (raised) the runner tries another attempt.
 */
export async function runStageIn(stage: TaskStage): Promise<StageEnd> {
  const verdict = await retrying(() => stageIn(stage.context, stage.work), retryOf(stage, 'stage-in'));
  if (verdict.result === 'ready') return { exitCode: 0, result: 'ready' };
  return { exitCode: 1, result: 'failed', detail: verdict.detail };
}

/**
 * Stage-out as the task's essential container: it watches the other two and ends the task by its own end. Exit 0 means
 * that a report is stored; exit 1 that there is none, because only the runner can tell what happened. It goes by files
 * and by what the agent says, so it may be killed at any line and started again.
 */
export async function runStageOut(stage: TaskStage): Promise<StageEnd> {
  return whileTelling(stage, async (sender) => {
    const { work, watch, signal } = stage;
    const found = await awaitVerdict(watch, work, signal);
    if (found.kind === 'none') return noReport(found.why);
    if (found.verdict.result === 'ready' && (await work.modelEnd()) === null) {
      const watched = { ...watch, outputBytesMax: stage.outputBytesMax, onStart: () => sender.wake() };
      const fate = await watchModel(watched, work, signal);
      if (fate.kind === 'left_to_runner') return leftToRunner(stage, fate.why);
      await work.writeModelEnd(fate.end);
    }
    const result = await retrying(() => stageOut(stage.context, work), retryOf(stage, 'stage-out'));
    return { exitCode: 0, result };
  });
}

/** The log is kept all the same: it tells the job's owner how far the model came. */
async function leftToRunner(stage: TaskStage, why: string): Promise<StageEnd> {
  const { context, work } = stage;
  await retrying(async () => storeLogs(context, work, await work.task()), retryOf(stage, 'store-logs'));
  return noReport(why);
}

function noReport(why: string): StageEnd {
  return { exitCode: 1, result: 'no_report', detail: why };
}

/** Does something while the worker is told how the attempt gets on. */
async function whileTelling<T>(stage: TaskStage, work: (sender: ProgressSender) => Promise<T>): Promise<T> {
  const { context, manifest, watch, send } = stage;
  const { job_id: jobId, epoch } = await stage.work.task();
  const sender = new ProgressSender({ attempt: { jobId, epoch }, send, clock: watch.clock, log: context.log });
  const progressPath = join(stage.work.file('outputs'), MODEL_FILES.progress);
  const tail = new ProgressTail(progressPath, manifest.progress_steps, LIMITS.progressBytesMax);
  const over = new AbortController();
  const telling = tellRepeatedly(sender, tail, watch, AbortSignal.any([stage.signal, over.signal]));
  try {
    return await work(sender);
  } finally {
    over.abort();
    await telling;
  }
}

/** Until the signal; never rejects, because no attempt is to fail for want of its progress. */
async function tellRepeatedly(
  sender: ProgressSender,
  tail: ProgressTail,
  { pause, times }: TaskWatch,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const progress = await tail.read().catch(() => null);
    if (progress !== null) sender.note(progress);
    void sender.tick(signal); // never rejects, and nothing waits for it
    await pause(times.lookMs, signal).catch(() => {});
  }
}

function retryOf({ context, watch, signal }: TaskStage, loop: string): RetryOptions {
  return { loop, pause: watch.pause, log: context.log, signal };
}
