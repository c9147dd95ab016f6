import { isTerminal, type JobRecord } from '@bpi/job-contract';
import { noteWish, type Ask } from './note-wish.ts';
import type { JobQueue } from './ports/job-queue.ts';
import type { JobStore } from './ports/job-store.ts';

export type CancelResult =
  | { kind: 'requested'; job: JobRecord }
  | { kind: 'ended'; job: JobRecord }
  /** The job was deleted. */
  | { kind: 'gone' }
  | { kind: 'not_found' };

/** Notes the wish and wakes the worker, which ends the attempt and then the job. Only the owner's jobs are found. */
export function cancelJob(ports: { store: JobStore; queue: JobQueue }, ask: Ask): Promise<CancelResult> {
  return noteWish<CancelResult>(ports, ask, {
    event: { type: 'cancelRequested', atMs: ask.nowMs },
    answerOf: (job) => {
      if (job.deletion !== null) return { kind: 'gone' };
      if (isTerminal(job.phase)) return { kind: 'ended', job };
      return job.cancelRequestedAtMs === null ? null : { kind: 'requested', job };
    },
  });
}
