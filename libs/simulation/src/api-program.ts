import { createHash } from 'node:crypto';
import {
  LIMITS,
  statusOf,
  type FailureCode,
  type JobFile,
  type JobId,
  type Manifest,
  type Status,
} from '@bpi/job-contract';
import {
  cancelJob,
  deleteJob,
  newJob,
  readText,
  submitJob,
  type Clock,
  type JobStore,
  type ObjectStore,
} from '@bpi/jobs';
import type { JobQueue, JobPosition, StoredJob, Submission } from '@bpi/jobs';
import { RETENTION, SIZES, type Pool } from './settings.ts';

/** What a client wants to have segmented. */
export type Order = {
  clientId: string;
  idempotencyKey: string;
  inputText: string;
  pool: Pool;
  canShrink: boolean;
  startDeadlineMs: number;
};

export type Request =
  | { ask: 'submit'; order: Order }
  | { ask: 'status' | 'result' | 'cancel' | 'delete'; clientId: string; jobId: JobId }
  | { ask: 'list'; clientId: string; before: JobPosition | null };

export type Answer =
  | { told: 'accepted'; jobId: JobId }
  | { told: 'status'; status: Status; attempt: number; cancelRequested: boolean; code: FailureCode | null }
  | { told: 'result'; mask: string; metadata: string }
  | { told: 'failed'; code: FailureCode }
  | { told: 'list'; jobIds: readonly JobId[]; next: JobPosition | null }
  | { told: 'mismatch' | 'not_ready' | 'cancelling' | 'already_ended' | 'deleting' | 'gone' | 'not_found' };

export type ApiTools = {
  store: JobStore;
  queue: JobQueue;
  objects: ObjectStore;
  clock: Clock;
  /** A new job id at every call. */
  nextId: () => JobId;
};

/** What the API does for a request once it is parsed: the use cases, and the views of a record that clients see. */
export async function answer(tools: ApiTools, request: Request): Promise<Answer> {
  switch (request.ask) {
    case 'submit': {
      const result = await submitJob(tools, submissionOf(tools, request.order));
      if (result.kind === 'mismatch') return { told: 'mismatch' };
      return result.job.deletion === null ? { told: 'accepted', jobId: result.job.jobId } : { told: 'gone' };
    }
    case 'status':
      return seen(await ownJob(tools, request), statusAnswer);
    case 'result':
      return seen(await ownJob(tools, request), (stored) => resultAnswer(tools, stored));
    case 'cancel': {
      const { kind } = await cancelJob(tools, { ...request, nowMs: tools.clock.nowMs() });
      if (kind === 'requested') return { told: 'cancelling' };
      return { told: kind === 'ended' ? 'already_ended' : kind };
    }
    case 'delete': {
      const { kind } = await deleteJob(tools, { ...request, nowMs: tools.clock.nowMs() });
      return { told: kind === 'requested' ? 'deleting' : kind };
    }
    case 'list': {
      const { clientId, before } = request;
      const page = await tools.store.list({ clientId, limit: 10, ...(before === null ? {} : { before }) });
      return { told: 'list', jobIds: page.jobs.map(({ job }) => job.jobId), next: page.next };
    }
  }
}

async function ownJob({ store }: ApiTools, ask: { jobId: JobId; clientId: string }): Promise<StoredJob | Answer> {
  const stored = await store.get(ask.jobId);
  if (stored === null || stored.job.clientId !== ask.clientId) return { told: 'not_found' };
  return stored.job.deletion === null ? stored : { told: 'gone' };
}

function seen(
  found: StoredJob | Answer,
  view: (stored: StoredJob) => Answer | Promise<Answer>,
): Answer | Promise<Answer> {
  return 'told' in found ? found : view(found);
}

function statusAnswer({ job }: StoredJob): Answer {
  return {
    told: 'status',
    status: statusOf(job),
    attempt: job.attempt?.epoch ?? 0,
    cancelRequested: job.cancelRequestedAtMs !== null,
    code: job.error?.code ?? null,
  };
}

async function resultAnswer({ objects }: ApiTools, { job }: StoredJob): Promise<Answer> {
  if (job.error !== null) return { told: 'failed', code: job.error.code };
  if (job.result === null) return { told: 'not_ready' };
  const [mask, metadata] = await Promise.all([
    readArtifact(objects, job.result.manifest, 'pred_mask.npz'),
    readArtifact(objects, job.result.manifest, 'metadata.json'),
  ]);
  // The record was read before the files were: it may have been deleted since.
  return mask === null || metadata === null ? { told: 'gone' } : { told: 'result', mask, metadata };
}

async function readArtifact(objects: ObjectStore, manifest: Manifest, name: string): Promise<string | null> {
  const entry = manifest.find((candidate) => candidate.name === name);
  return entry === undefined ? null : readText(objects, entry.key, LIMITS.metadataBytesMax);
}

function submissionOf({ clock, nextId }: ApiTools, order: Order): Submission {
  const { clientId, idempotencyKey, inputText, pool, canShrink, startDeadlineMs } = order;
  const nowMs = clock.nowMs();
  const inputSha256 = sha256(inputText);
  const model = { name: 'simulated', version: '1' };
  const job = newJob({
    jobId: nextId(),
    clientId,
    externalJobId: null,
    model,
    pool,
    inputSha256,
    warnings: [],
    nowMs,
    startDeadlineMs,
    totalDeadlineMs: SIZES.totalDeadlineMs,
    attemptTimeoutMs: SIZES.attemptTimeoutMs,
    canShrink,
    retention: RETENTION,
  });
  return {
    job,
    jobFile: jobFileOf(job.jobId, nowMs, { bytes: inputText.length, sha256: inputSha256 }),
    input: Buffer.from(inputText),
    idempotency: {
      keyDigest: sha256(`${clientId} ${idempotencyKey}`),
      fingerprint: inputSha256,
      expiresAtMs: nowMs + LIMITS.idempotencyTtlMs,
    },
  };
}

function jobFileOf(jobId: JobId, nowMs: number, input: { bytes: number; sha256: string }): JobFile {
  return {
    schema_version: 1,
    job_id: jobId,
    model: { name: 'simulated', version: '1' },
    params: {},
    input: { ...input, shape: [1, 1, 1], dtype: 'uint8' },
    spacing_mm: null,
    spacing_order: 'xyz',
    affine: null,
    prompts: null,
    intensity: { received: { dtype: 'uint8', min: 0, max: 1 }, applied: 'none' },
    warnings: [],
    created_at: new Date(nowMs).toISOString(),
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
