import { isTerminal, type JobId, type JobRecord } from '@bpi/job-contract';
import type { JobQueue } from './ports/job-queue.ts';
import type { JobStore } from './ports/job-store.ts';
import { transition } from './transition.ts';

export type CancelResult =
  | { kind: 'requested'; job: JobRecord }
  | { kind: 'ended'; job: JobRecord }
  /** The job was deleted. */
  | { kind: 'gone' }
  | { kind: 'not_found' };

/** More rounds than writers that could be ahead of us; each lost round means that somebody else got on. */
const ROUNDS_MAX = 20;

/**
 * Notes the wish and wakes the worker, which ends the attempt and then the job. Only the owner's jobs are found.
 * @throws after ROUNDS_MAX lost races; the wish was not noted, ask again.
 */
export async function cancelJob(
  ports: { store: JobStore; queue: JobQueue },
  ask: { jobId: JobId; clientId: string; nowMs: number },
): Promise<CancelResult> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const stored = await ports.store.get(ask.jobId);
    if (stored === null || stored.job.clientId !== ask.clientId) return { kind: 'not_found' };
    const { job } = stored;
    if (job.deletion !== null) return { kind: 'gone' };
    if (isTerminal(job.phase)) return { kind: 'ended', job };
    if (job.cancelRequestedAtMs !== null) return { kind: 'requested', job };
    const change = transition(job, { type: 'cancelRequested', atMs: ask.nowMs });
    if ((await ports.store.save(change)) === 'saved') {
      await ports.queue.send(job, 0);
      return { kind: 'requested', job: change.after };
    }
  }
  throw new Error('the cancellation lost every race with the job’s own progress: ask again');
}
