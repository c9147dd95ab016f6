import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '@bpi/job-contract';
import type { Clock } from '@bpi/jobs';
import type { AttemptFolder, Stage, StagerNote } from './attempt-folder.ts';
import { birthOf, isStillAlive } from './process-alive.ts';
import type { Stager, StagerSource } from './stager-source.ts';

/** How often one stage of one attempt may crash. */
export const STAGE_CRASHES_MAX = 3;

const ADOPTED_POLL_MS = 50;
const KILL_AFTER_MS = 2_000;

/** Whether a stager works in this folder, whoever started it. */
export async function stagerIsAlive(folder: AttemptFolder, note?: StagerNote): Promise<boolean> {
  const { pid, born } = note ?? (await folder.stagerNote());
  return pid !== null && (await isStillAlive({ pid, born }));
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
  context: { stagers: StagerSource; clock: Clock; log: Log },
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
  const stager = context.stagers.take(stage, folder.path);
  await folder.noteStager({ ...note, stage, pid: stager.child.pid ?? null, born: await birthOf(stager.child.pid) });
  // A stop that came before the note could not know the process.
  if (await folder.stopWanted()) stager.child.kill('SIGTERM');
  stager.go();
  const exitCode = await endOf(stager, signal);
  const crashed = exitCode !== 0 && !signal.aborted;
  const crashes = crashed ? { ...note.crashes, [stage]: note.crashes[stage] + 1 } : note.crashes;
  await folder.noteStager({ stage, pid: null, born: null, crashes });
  signal.throwIfAborted();
  const durationMs = Math.round(context.clock.monotonicMs() - startedMs);
  context.log('task.stage', { ...folder.id, stage, durationMs, exitCode: exitCode ?? -1 });
}

/** Counts a stage that said it was done and left no result: as good as a crash. */
export async function noteCrash(folder: AttemptFolder, stage: Stage): Promise<void> {
  const note = await folder.stagerNote();
  await folder.noteStager({ ...note, crashes: { ...note.crashes, [stage]: note.crashes[stage] + 1 } });
}

async function endOf({ child, ended }: Stager, signal: AbortSignal): Promise<number | null> {
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
