import type { Progress } from '@bpi/job-contract';
import type { StoredJob } from './ports/job-store.ts';

/**
 * Says whether a stored job is still what it was: equal for the same version and progress, another after every save and
 * every progress that was noted. For comparing only.
 */
export function markOf({ job, progress }: StoredJob): string {
  return markOfVersion(job.version, progress);
}

/** For stores, which need not read a record to know its version. */
export function markOfVersion(version: number, progress: Progress | null): string {
  return progress === null
    ? String(version)
    : JSON.stringify([version, progress.atMs, progress.fraction, progress.step]);
}
