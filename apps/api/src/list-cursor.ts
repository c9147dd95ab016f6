import { isJobId } from '@bpi/job-contract';
import type { JobPosition } from '@bpi/jobs';
import { ProblemError } from './http/problem-error.ts';

/**
 * Where the next page begins, as clients pass it back: opaque, and no secret. It names a place in the caller's own list
 * only, so one that somebody made up, or took from another client, shows nothing but the caller's own jobs.
 */
export function cursorOf({ createdAtMs, jobId }: JobPosition): string {
  return Buffer.from(`${createdAtMs}.${jobId}`).toString('base64url');
}

/** @throws ProblemError for what `cursorOf` did not make */
export function positionOfCursor(cursor: string): JobPosition {
  const [, createdAtMs = '', jobId = ''] =
    /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  if (!isJobId(jobId)) throw new ProblemError('query_invalid', { fields: ['cursor'] });
  return { createdAtMs: Number(createdAtMs), jobId };
}
