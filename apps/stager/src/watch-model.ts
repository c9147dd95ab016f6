import { dirname } from 'node:path';
import type { ModelEnd } from '@bpi/job-contract';
import { exceedsLimits } from '@bpi/model-files';
import type { TaskState } from './task-metadata.ts';
import { firstOf, pollTask, type TaskWatch } from './task-watch.ts';
import type { WorkFolder } from './work-folder.ts';

export type ModelFate =
  | { kind: 'ended'; end: ModelEnd }
  /** Whatever happened, this container cannot tell whose fault it is; the runner hears of it from ECS. */
  | { kind: 'left_to_runner'; why: LeftToRunner };
type LeftToRunner = 'model_killed' | 'exit_code_unknown' | 'model_not_started' | 'task_stopping' | 'metadata_silent';

/**
 * SIGKILL (the kernel's memory limit, a stop that took too long) and SIGTERM (a stop, a host that goes). ECS also makes
 * up 143 for a container that it never started.
 */
const KILLED_EXITS: readonly number[] = [137, 143];

/**
 * Watches the model's container from before its start to its end, and what it writes. Safe to begin again at any
 * time: all it goes by is the agent's word and what lies in the folders.
 *
 * @param outputBytesMax for the folder of outputs, and for that of the log, each.
 * @param onStart called once the model is seen running.
 */
export async function watchModel(
  watch: TaskWatch & { outputBytesMax: number; onStart: () => void },
  work: WorkFolder,
  signal: AbortSignal,
): Promise<ModelFate> {
  const outgrown = () => exceedsAny([work.file('outputs'), dirname(work.file('logs'))], watch.outputBytesMax);
  return firstOf<ModelFate>(signal, [
    async (until) => {
      const seen = await untilStopped(watch, until);
      return 'stopped' in seen ? fateOf(watch, seen, outgrown, until) : seen;
    },
    (until) => untilOutgrown(watch, outgrown, until),
  ]);
}

type StoppedModel = Extract<TaskState['model'], { state: 'stopped' }>;
type Seen = { stopped: StoppedModel; taskStopping: boolean };

async function untilStopped(
  watch: TaskWatch & { onStart: () => void },
  signal: AbortSignal,
): Promise<Seen | Extract<ModelFate, { kind: 'left_to_runner' }>> {
  const deadlineMs = watch.clock.monotonicMs() + watch.times.startDeadlineMs;
  let started = false;
  const seen = await pollTask<Seen | 'model_not_started'>(watch, signal, (task) => {
    if (task?.model.state === 'stopped') return { stopped: task.model, taskStopping: task.stopping };
    if (task?.model.state === 'running' && !started) {
      started = true;
      watch.onStart();
    }
    if (started) return null;
    // ECS starts the model only after stage-in's success, which came not, whatever its verdict says.
    const never = task?.stageIn.state === 'stopped' && task.stageIn.exitCode !== 0;
    return never || watch.clock.monotonicMs() >= deadlineMs ? 'model_not_started' : null;
  });
  if (typeof seen === 'object') return seen;
  return { kind: 'left_to_runner', why: seen === 'silent' ? 'metadata_silent' : seen };
}

async function fateOf(
  watch: TaskWatch,
  { stopped, taskStopping }: Seen,
  outgrown: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<ModelFate> {
  const { exitCode } = stopped;
  if (taskStopping) return { kind: 'left_to_runner', why: 'task_stopping' };
  const rest = { exit_code: exitCode, started_at_ms: stopped.startedAtMs, ended_at_ms: stopped.endedAtMs };
  if (await outgrown()) return { kind: 'ended', end: { cause: 'output_too_large', ...rest } };
  if (exitCode === null) return { kind: 'left_to_runner', why: 'exit_code_unknown' };
  // A code without a start is made up.
  if (stopped.startedAtMs === null) return { kind: 'left_to_runner', why: 'model_not_started' };
  if (KILLED_EXITS.includes(exitCode)) return { kind: 'left_to_runner', why: 'model_killed' };
  if (exitCode !== 0 && (await taskStopsToo(watch, signal))) return { kind: 'left_to_runner', why: 'task_stopping' };
  return { kind: 'ended', end: { cause: 'exited', ...rest } };
}

/** A model may have an exit code of its own for SIGTERM. If that is why it ended, we hear of the stop soon. */
async function taskStopsToo(watch: TaskWatch, signal: AbortSignal): Promise<boolean> {
  await watch.pause(watch.times.stopSettleMs, signal);
  const task = await watch.readTask(signal).catch(() => null);
  signal.throwIfAborted();
  return task?.stopping === true;
}

/** The model still runs then. It is stopped with the task, which ends with stage-out. */
async function untilOutgrown(
  watch: TaskWatch,
  outgrown: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<ModelFate> {
  // A disk that fails in passing: the next look does it again.
  while (!(await outgrown().catch(() => false))) await watch.pause(watch.times.lookMs, signal);
  signal.throwIfAborted();
  const end: ModelEnd = { cause: 'output_too_large', exit_code: null, started_at_ms: null, ended_at_ms: null };
  return { kind: 'ended', end };
}

async function exceedsAny(folders: readonly string[], bytesMax: number): Promise<boolean> {
  for (const folder of folders) if (await exceedsLimits(folder, bytesMax)) return true;
  return false;
}
