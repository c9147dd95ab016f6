import {
  FAILURE_MESSAGES,
  holdsSlot,
  statusOf,
  type JobRecord,
  type StatusBody,
  type WaitingFor,
} from '@bpi/job-contract';
import type { Room, StoredJob } from '@bpi/jobs';

/** What a client is told about its job. Pure. */
export function statusBody({ job, progress }: StoredJob, room: Room, nowMs: number): StatusBody {
  const waitingFor = waitingForOf(job, room, nowMs);
  const isShown = progress !== null && holdsSlot(job.phase);
  return {
    job_id: job.jobId,
    ...(job.externalJobId === null ? {} : { external_job_id: job.externalJobId }),
    status: statusOf(job),
    phase: job.phase,
    attempt: job.attempt?.epoch ?? 0,
    ...(isShown ? { progress: { fraction: progress.fraction, step: progress.step } } : {}),
    ...(waitingFor === null ? {} : { waiting_for: waitingFor }),
    cancel_requested: job.cancelRequestedAtMs !== null,
    created_at: isoTime(job.createdAtMs),
    ...(job.firstRunningAtMs === null ? {} : { started_at: isoTime(job.firstRunningAtMs) }),
    ...(job.endedAtMs === null ? {} : { ended_at: isoTime(job.endedAtMs) }),
    ...(job.error === null ? {} : { error: jobErrorOf(job.error) }),
  };
}

export function jobErrorOf(error: NonNullable<JobRecord['error']>): NonNullable<StatusBody['error']> {
  return { code: error.code, fault: error.fault, message: FAILURE_MESSAGES[error.code] };
}

function waitingForOf(job: JobRecord, room: Room, nowMs: number): WaitingFor | null {
  if (job.phase === 'launching') return 'start';
  if (job.phase !== 'queued') return null;
  if (job.notBeforeMs > nowMs) return 'retry';
  return room.free === 0 ? 'slot' : 'worker';
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
