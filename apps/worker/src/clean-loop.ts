import { removeForgottenInputs, removeForgottenTasks } from '@bpi/jobs';
import { runLoop, type LoopTools } from './loop.ts';
import { Notifier } from './notifier.ts';

export type CleanSettings = {
  /** From the end of one pass over all jobs to the next. */
  passIntervalMs: number;
  /** Pause between the rounds of a pass, each of `CLEAN_LIMITS.jobsPerRound` jobs. */
  roundIntervalMs: number;
  /** Backend's own left-overs (temporary files), cleaned after each pass. */
  cleanBackend: () => Promise<void>;
};

/** Looks for forgotten tasks, and then for forgotten files, a few jobs at a time. Its own loop: nothing waits for it, and it is never in a hurry. */
export async function cleanLoop(tools: LoopTools, settings: CleanSettings): Promise<void> {
  let pass: ReturnType<typeof removeForgottenInputs> | null = null;
  const round = async () => {
    if (pass === null) {
      // Begun before the tasks are listed: a runner that cannot list them makes the files wait for one pause, not for ever.
      pass = removeForgottenInputs(tools.context, () => tools.liveness.busy('clean'));
      await removeForgottenTasks(tools.context, () => tools.liveness.busy('clean'));
    }
    const ended = await pass.next().catch((error: unknown) => {
      pass = null;
      throw error;
    });
    if (ended.done !== true) return settings.roundIntervalMs;
    pass = null;
    await settings.cleanBackend();
    return settings.passIntervalMs;
  };
  await runLoop(tools, { name: 'clean', round, failedPauseMs: settings.passIntervalMs, wake: new Notifier() });
}
