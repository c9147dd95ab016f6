import { isJobId } from '@bpi/job-contract';
import type { JobStore, StoredJob } from '@bpi/jobs';
import { ProblemError } from './http/problem-error.ts';

/**
 * A client's own job. A malformed, an unknown and a foreign id are told apart by nothing; its own that it deleted is gone.
 * @throws ProblemError
 */
export async function findOwnJob(store: JobStore, id: string, clientId: string): Promise<StoredJob> {
  const stored = isJobId(id) ? await store.get(id) : null;
  if (stored === null || stored.job.clientId !== clientId) throw new ProblemError('not_found');
  if (stored.job.deletion !== null) throw new ProblemError('gone');
  return stored;
}
