import { errorFields, type JobRecord } from '@bpi/job-contract';
import type { AdvanceContext } from './advance.ts';
import { isOrphan } from './sweep.ts';

/**
 * Removes stopped tasks that no record names any more, and with them their copy of the input: a launch that took effect
 * after its attempt's leftovers were removed, or a machine that came back after that. Answers how many.
 * Throws when the listing does. A task that cannot be removed keeps no other one.
 */
export async function removeForgottenTasks(
  { runner, store, log }: Pick<AdvanceContext, 'runner' | 'store' | 'log'>,
  onTask: () => void = () => {},
): Promise<number> {
  let removed = 0;
  // Tasks are listed first and each job is read after that, so what a claim made meanwhile is never taken for forgotten.
  for (const task of await runner.list()) {
    if (task.live) continue;
    onTask();
    try {
      const stored = await store.get(task.jobId);
      if (!isForgotten(task, stored?.job ?? null)) continue;
      await runner.remove(task);
      removed += 1;
    } catch (error) {
      log('cleanup.failed', { jobId: task.jobId, ...errorFields(error) });
    }
  }
  if (removed > 0) log('cleanup.removed', { kind: 'task', count: removed });
  return removed;
}

/** Not of the attempt in flight, and not to be removed by the sweep when its time has come. */
function isForgotten(task: { epoch: number }, job: JobRecord | null): boolean {
  return isOrphan(task, job) && job?.leftovers.some(({ epoch }) => epoch === task.epoch) !== true;
}
