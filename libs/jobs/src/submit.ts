import { inputKey, jobFileKey, jobPrefix, type JobFile, type JobRecord } from '@bpi/job-contract';
import type { JobQueue } from './ports/job-queue.ts';
import type { IdempotencyClaim, JobStore } from './ports/job-store.ts';
import type { ObjectStore, SettledFile } from './ports/object-store.ts';

export type Submission = {
  job: JobRecord;
  jobFile: JobFile;
  /** The checked and rebuilt input, as `jobFile.input` describes it. */
  input: SettledFile | Uint8Array;
  idempotency: IdempotencyClaim | null;
};

export type SubmitResult =
  | { kind: 'accepted'; job: JobRecord }
  /** The Idempotency-Key was seen with this very payload: the earlier job is the answer. */
  | { kind: 'replayed'; job: JobRecord }
  | { kind: 'mismatch' };

/**
 * Accepts a checked job: input, then job file, then the record, then the wake-up. A crash after any step leaves
 * nothing that a client was told of: an input without a record is removed by age, a record without a wake-up is
 * found by the sweep.
 */
export async function submitJob(
  ports: { store: JobStore; objects: ObjectStore; queue: JobQueue },
  submission: Submission,
): Promise<SubmitResult> {
  const { job, jobFile } = submission;
  await ports.objects.put(inputKey(job.jobId), submission.input, { ifAbsent: true });
  await ports.objects.put(jobFileKey(job.jobId), Buffer.from(JSON.stringify(jobFile)), { ifAbsent: true });
  const created = await ports.store.create(job, submission.idempotency);
  if (created.kind === 'mismatch' || (created.kind === 'exists' && created.job.jobId !== job.jobId)) {
    await ports.objects.deletePrefix(jobPrefix(job.jobId));
    return created.kind === 'mismatch' ? created : { kind: 'replayed', job: created.job };
  }
  await ports.queue.send(job, 0);
  return { kind: 'accepted', job };
}
