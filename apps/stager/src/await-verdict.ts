import type { StageInVerdict } from '@bpi/job-contract';
import { firstOf, pollTask, type TaskWatch } from './task-watch.ts';
import type { WorkFolder } from './work-folder.ts';

/** The verdict of stage-in, or why there will be none: it ended without one, or nothing is heard of it any more. */
export type VerdictFound = { kind: 'verdict'; verdict: StageInVerdict } | { kind: 'none'; why: NoVerdict };
type NoVerdict = 'no_verdict' | 'metadata_silent';

/** Waits for the container beside this one to leave its verdict, or to end without. Rejects for the signal. */
export async function awaitVerdict(watch: TaskWatch, work: WorkFolder, signal: AbortSignal): Promise<VerdictFound> {
  return firstOf(signal, [
    (until) => untilWritten(watch, work, until),
    (until) => untilStageInStopped(watch, work, until),
  ]);
}

async function untilWritten(watch: TaskWatch, work: WorkFolder, signal: AbortSignal): Promise<VerdictFound> {
  for (;;) {
    const verdict = await work.stageIn();
    if (verdict !== null) return { kind: 'verdict', verdict };
    await watch.pause(watch.times.lookMs, signal);
  }
}

async function untilStageInStopped(watch: TaskWatch, work: WorkFolder, signal: AbortSignal): Promise<VerdictFound> {
  const last = await pollTask(watch, signal, (task) => (task?.stageIn.state === 'stopped' ? 'stopped' : null));
  // Written before it ended, so it is seen now or never.
  const verdict = await work.stageIn();
  if (verdict !== null) return { kind: 'verdict', verdict };
  return { kind: 'none', why: last === 'silent' ? 'metadata_silent' : 'no_verdict' };
}
