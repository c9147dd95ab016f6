import { FILE_CLASSES, type FileClass, type JobRecord, type Retention, type RetentionClass } from '@bpi/job-contract';
import { isActive } from './new-job.ts';

/** Milliseconds since 1970, by class. */
export type Expiry = Readonly<Record<RetentionClass, number>>;

/**
 * When what is kept of a job goes; null = the job is not over.
 *
 * @param deployment holds for a job that nothing was promised for: one of an older release.
 */
export function expiryOf(job: JobRecord, deployment: Retention): Expiry | null {
  return job.endedAtMs === null ? null : expiryFrom(job.endedAtMs, job.retention ?? deployment);
}

/** By the clock alone: readers must not wait until somebody has removed what is past its time. */
export function isExpired(job: JobRecord, kept: RetentionClass, at: { nowMs: number; deployment: Retention }): boolean {
  const expiry = expiryOf(job, at.deployment);
  return expiry !== null && at.nowMs >= expiry[kept];
}

/** Nothing about the job is shown any more: its deletion was asked, or its record's time is over. */
export function isGone(job: JobRecord, at: { nowMs: number; deployment: Retention }): boolean {
  return job.deletion !== null || isExpired(job, 'record', at);
}

/**
 * When the next of a job's classes is to be removed; null = nothing is, so far or for ever. Never of an active job: it may
 * still have a task, or has to be shown, or is being deleted. So active jobs and these are never the same, and what is
 * due stays due: no event of a job that is over moves its end or its promise. A job without a promise is due at once, to
 * be given one.
 */
export function dueAtMs(job: JobRecord): number | null {
  const { endedAtMs, retention, deletion } = job;
  if (endedAtMs === null || deletion !== null || isActive(job)) return null;
  if (retention === null) return endedAtMs;
  const expiry = expiryFrom(endedAtMs, retention);
  return Math.min(expiry.record, ...filesLeft(job).map((kept) => expiry[kept]));
}

/** Classes of files that are past their promised time and were not removed yet. */
export function dueFiles(job: JobRecord, nowMs: number): FileClass[] {
  const { endedAtMs, retention } = job;
  if (endedAtMs === null || retention === null) return [];
  const expiry = expiryFrom(endedAtMs, retention);
  return filesLeft(job).filter((kept) => nowMs >= expiry[kept]);
}

/** Whether a result has to be shown no more: its promised time was over before anybody managed to. */
export function isResultPast(job: JobRecord, nowMs: number): boolean {
  const { retention } = job;
  return retention !== null && isExpired(job, 'result', { nowMs, deployment: retention });
}

function filesLeft(job: JobRecord): FileClass[] {
  return FILE_CLASSES.filter((kept) => !job.expired.includes(kept));
}

function expiryFrom(endedAtMs: number, { inputMs, resultMs, logsMs, recordMs }: Retention): Expiry {
  return {
    input: endedAtMs + inputMs,
    result: endedAtMs + resultMs,
    logs: endedAtMs + logsMs,
    record: endedAtMs + recordMs,
  };
}
