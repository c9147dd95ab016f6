import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { homedir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@bpi/jobs';
import type { Log } from '@bpi/job-contract';
import type { AttemptFolder, Stage, StagerNote } from './attempt-folder.ts';
import { processWithArgumentIsAlive } from './process-alive.ts';

export type StagerCommand = {
  command: readonly string[];
  /** All the stager's environment; without one it gets HOME and a usual PATH. */
  env?: Readonly<Record<string, string>>;
  stdio: 'inherit' | 'ignore';
};

/** How often one stage of one attempt may crash. */
export const STAGE_CRASHES_MAX = 3;

const ADOPTED_POLL_MS = 50;
const KILL_AFTER_MS = 2_000;
const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Whether a stager works in this folder, whoever started it. */
export async function stagerIsAlive(folder: AttemptFolder, note?: StagerNote): Promise<boolean> {
  const { pid } = note ?? (await folder.stagerNote());
  return pid !== null && (await processWithArgumentIsAlive(pid, folder.path));
}

/** Asks the folder's stager to end, or ends it. Safe to repeat. */
export async function signalStager(folder: AttemptFolder, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const note = await folder.stagerNote();
  if (note.pid === null || !(await stagerIsAlive(folder, note))) return;
  try {
    process.kill(note.pid, signal);
  } catch {
    // It ended meanwhile, which is what was wanted.
  }
}

/**
 * Runs one stage in a process of its own until it ended; the number of crashes so far stands in the folder. The
 * stages are idempotent, so one that a dead worker left running is waited for and then simply started again if
 * its result is missing. Throws the signal's reason when that aborts, after ending the process.
 */
export async function runStage(
  context: { stager: StagerCommand; clock: Clock; log: Log },
  folder: AttemptFolder,
  stage: Stage,
  signal: AbortSignal,
): Promise<void> {
  while (await stagerIsAlive(folder)) {
    await delay(ADOPTED_POLL_MS, undefined, { signal });
    if (await folder.stopWanted()) await signalStager(folder, 'SIGTERM');
  }
  const note = await folder.stagerNote();
  if (note.pid !== null && note.stage === stage) {
    // Ended without us watching: only its result tells whether it did its part, and the caller looks at that first.
    await folder.noteStager({ ...note, pid: null });
    return;
  }
  const startedMs = context.clock.monotonicMs();
  const child = start(context.stager, folder, stage);
  const ended = once(child, 'close').then(([code]: unknown[]) => (typeof code === 'number' ? code : null), () => null);
  await folder.noteStager({ ...note, stage, pid: child.pid ?? null });
  // A stop that came before the note could not know the process.
  if (await folder.stopWanted()) child.kill('SIGTERM');
  const exitCode = await endOf(child, ended, signal);
  const crashed = exitCode !== 0 && !signal.aborted;
  const crashes = crashed ? { ...note.crashes, [stage]: note.crashes[stage] + 1 } : note.crashes;
  await folder.noteStager({ stage, pid: null, crashes });
  signal.throwIfAborted();
  const durationMs = Math.round(context.clock.monotonicMs() - startedMs);
  context.log('task.stage', { ...folder.id, stage, durationMs, exitCode: exitCode ?? -1 });
}

/** Counts a stage that said it was done and left no result: as good as a crash. */
export async function noteCrash(folder: AttemptFolder, stage: Stage): Promise<void> {
  const note = await folder.stagerNote();
  await folder.noteStager({ ...note, crashes: { ...note.crashes, [stage]: note.crashes[stage] + 1 } });
}

function start(stager: StagerCommand, folder: AttemptFolder, stage: Stage): ChildProcess {
  const [program, ...args] = stager.command;
  if (program === undefined) throw new Error('the stager’s command is empty: configure it');
  return spawn(program, [...args, stage, '--work', folder.path], {
    stdio: ['ignore', stager.stdio, stager.stdio],
    env: stager.env ?? { PATH: USUAL_PATH, HOME: homedir() },
  });
}

async function endOf(child: ChildProcess, ended: Promise<number | null>, signal: AbortSignal): Promise<number | null> {
  const onAbort = () => {
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref();
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await ended;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
