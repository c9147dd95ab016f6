import type { JobRecord } from '@bpi/job-contract';
import { noteWish, type Ask } from './note-wish.ts';
import type { JobQueue } from './ports/job-queue.ts';
import type { JobStore } from './ports/job-store.ts';

export type DeleteResult = { kind: 'requested'; job: JobRecord } | { kind: 'not_found' };

/**
 * Notes that the client wants its job gone and wakes the worker, which ends the job if need be and removes its files.
 * May be repeated; a job that is deleted stays so. Only the owner's jobs are found.
 */
export function deleteJob(ports: { store: JobStore; queue: JobQueue }, ask: Ask): Promise<DeleteResult> {
  return noteWish<DeleteResult>(ports, ask, {
    event: { type: 'deleteRequested', atMs: ask.nowMs },
    answerOf: (job) => (job.deletion === null ? null : { kind: 'requested', job }),
  });
}
