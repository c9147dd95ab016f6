import {
  FAILURE_MESSAGES,
  holdsSlot,
  statusOf,
  type JobRecord,
  type Retention,
  type StatusBody,
  type WaitingFor,
} from '@bpi/job-contract';
import { expiryOf, type Room, type StoredJob } from '@bpi/jobs';
import type { Moment } from './job-lookup.ts';

/**
 * What a client is told about its job. Pure.
 *
 * @param room of the job's pool; only a queued job's answer depends on it.
 */
export function statusBody({ job, progress }: StoredJob, room: Room | null, at: Moment): StatusBody {
  const waitingFor = waitingForOf(job, room, at.nowMs);
  const expiresAt = expiresAtOf(job, at.deployment);
  const isShown = progress !== null && holdsSlot(job.phase);
  return {
    job_id: job.jobId,
    ...(job.externalJobId === null ? {} : { external_job_id: job.externalJobId }),
    model: { name: job.model.name, version: job.model.version },
    status: statusOf(job),
    phase: job.phase,
    attempt: job.attempt?.epoch ?? 0,
    ...(isShown ? { progress: { fraction: progress.fraction, step: progress.step } } : {}),
    ...(waitingFor === null ? {} : { waiting_for: waitingFor }),
    cancel_requested: job.cancelRequestedAtMs !== null,
    ...(job.endedAttempts.length === 0 ? {} : { ended_attempts: job.endedAttempts.map(endedAttemptOf) }),
    created_at: isoTime(job.createdAtMs),
    ...(job.firstRunningAtMs === null ? {} : { started_at: isoTime(job.firstRunningAtMs) }),
    ...(job.endedAtMs === null ? {} : { ended_at: isoTime(job.endedAtMs) }),
    ...(expiresAt === null ? {} : { expires_at: expiresAt }),
    ...(job.error === null ? {} : { error: jobErrorOf(job.error) }),
  };
}

export function jobErrorOf(error: NonNullable<JobRecord['error']>): NonNullable<StatusBody['error']> {
  return { code: error.code, fault: error.fault, message: FAILURE_MESSAGES[error.code] };
}

function expiresAtOf(job: JobRecord, deployment: Retention): NonNullable<StatusBody['expires_at']> | null {
  const expiry = expiryOf(job, deployment);
  if (expiry === null) return null;
  return {
    input: isoTime(expiry.input),
    ...(job.result === null ? {} : { result: isoTime(expiry.result) }),
    logs: isoTime(expiry.logs),
    record: isoTime(expiry.record),
  };
}

function endedAttemptOf(ended: JobRecord['endedAttempts'][number]): NonNullable<StatusBody['ended_attempts']>[number] {
  return {
    attempt: ended.epoch,
    ...(ended.code === null ? {} : { code: ended.code }),
    ...(ended.startedAtMs === null ? {} : { started_at: isoTime(ended.startedAtMs) }),
    ended_at: isoTime(ended.endedAtMs),
  };
}

function waitingForOf(job: JobRecord, room: Room | null, nowMs: number): WaitingFor | null {
  if (job.phase === 'launching') return job.attempt?.waitsForCapacity === true ? 'capacity' : 'start';
  if (job.phase !== 'queued') return null;
  if (job.endedAttempts.at(-1)?.code === 'capacity_unavailable') return 'capacity';
  if (job.notBeforeMs > nowMs) return 'retry';
  return room?.free === 0 ? 'slot' : 'worker';
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
