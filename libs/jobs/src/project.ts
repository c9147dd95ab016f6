import { publishedKey, type JobRecord } from '@bpi/job-contract';
import type { ObjectStore } from './ports/object-store.ts';

/**
 * Shows the published attempt under the layout's fixed names (`output/…`, `metadata.json`). May be repeated at any
 * time: what is published never changes, so neither does what this writes. A failed job has nothing to show.
 */
export async function project(objects: ObjectStore, job: JobRecord): Promise<void> {
  for (const entry of job.result?.manifest ?? []) {
    await objects.copy(entry.key, publishedKey(job.jobId, entry.name));
  }
}
