import type { JobRecord } from '@bpi/job-contract';
import { isActive } from '@bpi/jobs';
import { readIndexedJobs } from './indexed-jobs.ts';
import { ACTIVE_SHARDS, activeAtOf, AFTER_ALL } from './job-table.ts';
import type { JobItems } from './read-batch.ts';

type ActivePage = { limit: number; after: string | null };

/**
 * Active jobs behind `after` (an `activeAt`), oldest first. The index says which may be; the consistent records decide.
 * Fewer than `limit` come only if the index names no more: those that are over, or left out as unreadable, do not count.
 */
export async function readActiveJobs(table: JobItems, { limit, after }: ActivePage): Promise<JobRecord[]> {
  const range = { shards: ACTIVE_SHARDS, after, until: AFTER_ALL };
  return readIndexedJobs(table, range, limit, (records) => records.filter(isActive).sort(byAge));
}

function byAge(a: JobRecord, b: JobRecord): number {
  return activeAtOf(a) < activeAtOf(b) ? -1 : 1;
}
