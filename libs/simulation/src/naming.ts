import { jobIdSchema, type JobId } from '@bpi/job-contract';

/** The id with this number; its name in a trace is `#n`. */
export function jobIdOf(n: number): JobId {
  return jobIdSchema.parse(`00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`);
}

export function nameOf(jobId: JobId): string {
  return `#${Number.parseInt(jobId.slice(-12), 16)}`;
}

export function taskNameOf(task: { jobId: JobId; epoch: number }): string {
  return `${nameOf(task.jobId)}/${task.epoch}`;
}
