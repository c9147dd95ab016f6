import type { JobRecord } from '@bpi/job-contract';
import { dueAtMs, type DuePosition } from '@bpi/jobs';
import { readIndexedJobs } from './indexed-jobs.ts';
import { DUE_SHARDS, dueAt, dueUntil } from './job-table.ts';
import type { JobItems } from './read-batch.ts';

type ExpiringPage = { dueByMs: number; limit: number; after?: DuePosition };

/** Jobs of which something is due, as the port wants them. The index says which may be; the consistent records decide. */
export async function readExpiringJobs(table: JobItems, page: ExpiringPage): Promise<JobRecord[]> {
  const after = page.after === undefined ? null : dueAt(page.after);
  const range = { shards: DUE_SHARDS, after, until: dueUntil(page.dueByMs) };
  return readIndexedJobs(table, range, page.limit, (records) =>
    records
      .flatMap((job) => {
        const at = dueAtMs(job);
        return at === null || at > page.dueByMs ? [] : [{ job, at: dueAt({ dueAtMs: at, jobId: job.jobId }) }];
      })
      .sort((a, b) => (a.at < b.at ? -1 : 1))
      .map(({ job }) => job),
  );
}
