import { isJobId, type Retention } from '@bpi/job-contract';
import { isGone, type JobStore, type StoredJob } from '@bpi/jobs';
import { ProblemError } from './http/problem-error.ts';

/** The moment of a request, and what holds for jobs that nothing was promised for. */
export type Moment = { nowMs: number; deployment: Retention };

/**
 * A client's own job. A malformed, an unknown and a foreign id are told apart by nothing; its own that it deleted, or whose
 * time is over, is gone.
 * @throws ProblemError
 */
export async function findOwnJob(store: JobStore, id: string, clientId: string, at: Moment): Promise<StoredJob> {
  const stored = isJobId(id) ? await store.get(id) : null;
  if (stored === null || stored.job.clientId !== clientId) throw new ProblemError('not_found');
  if (isGone(stored.job, at)) throw new ProblemError('gone');
  return stored;
}
