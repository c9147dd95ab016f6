import { LIMITS, statusOf, type JobRecord } from '@bpi/job-contract';
import type { JobPage, JobPosition, ListAsk, StoredJob } from './ports/job-store.ts';

/** One of a client's jobs as a backend found it; null = its record cannot be read, which its reader was told of. */
export type Candidate = { at: JobPosition; stored: StoredJob | null };

/** Read at once where conditions may leave most of them out. */
const BATCH_JOBS = 100;

/**
 * For stores: makes one page of a client's list out of what `readOlder` finds behind a position (null = at the newest),
 * newest first. Fewer than it asks for must mean that there are no more.
 */
export async function fillPage(
  ask: ListAsk,
  readOlder: (before: JobPosition | null, count: number) => Promise<readonly Candidate[]>,
): Promise<JobPage> {
  const { listPageJobsMax, listScanJobsMax } = LIMITS;
  if (!Number.isInteger(ask.limit) || ask.limit < 1 || ask.limit > listPageJobsMax) {
    throw new Error(`a page of jobs has 1 to ${listPageJobsMax}: correct the limit`);
  }
  const jobs: StoredJob[] = [];
  let before = ask.before ?? null;
  for (let looked = 0; looked < listScanJobsMax;) {
    const missing = ask.limit - jobs.length;
    // A page that is not full yet has met deleted ones, and there may be many.
    const isSparse = hasConditions(ask) || looked > 0;
    const wanted = Math.min(listScanJobsMax - looked, isSparse ? Math.max(BATCH_JOBS, missing) : missing);
    const found = await readOlder(before, wanted);
    for (const { at, stored } of found) {
      if (jobs.length === ask.limit) return { jobs, next: before };
      if (stored !== null && matches(stored.job, ask)) jobs.push(stored);
      before = at;
    }
    looked += found.length;
    if (found.length < wanted) return { jobs, next: null };
    if (jobs.length === ask.limit) break;
  }
  return { jobs, next: before };
}

function hasConditions({ status, model, externalJobId }: ListAsk): boolean {
  return status !== undefined || model !== undefined || externalJobId !== undefined;
}

function matches(job: JobRecord, { clientId, status, model, externalJobId }: ListAsk): boolean {
  if (job.deletion !== null || job.clientId !== clientId) return false;
  if (status !== undefined && statusOf(job) !== status) return false;
  if (model !== undefined && job.model.name !== model) return false;
  return externalJobId === undefined || job.externalJobId === externalJobId;
}
