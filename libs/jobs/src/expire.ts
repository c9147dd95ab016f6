import {
  CLASS_OF_KIND,
  errorFields,
  jobPrefix,
  objectKind,
  type FileClass,
  type JobId,
  type JobRecord,
  type Retention,
  type RetentionClass,
} from '@bpi/job-contract';
import { advance, type AdvanceContext } from './advance.ts';
import { dueAtMs, dueFiles, isExpired } from './expiry.ts';
import type { JobEvent } from './job-event.ts';
import type { Clients } from './ports/clients.ts';
import type { DuePosition } from './ports/job-store.ts';
import type { ObjectStore } from './ports/object-store.ts';
import { transition } from './transition.ts';

export const EXPIRY_LIMITS = {
  /** Jobs read per page, and pages per round: the next round begins where this one ended. */
  pageJobs: 100,
  pagesMax: 10,
} as const;

export type ExpireContext = AdvanceContext & {
  clients: Pick<Clients, 'audit'>;
  /** The deployment's, for jobs that nothing was promised for. */
  retention: Retention;
};

export type Expired = {
  /** Jobs of which files were removed. */
  jobs: number;
  /** Records that became tombstones. */
  records: number;
  /** Jobs that it could not be done for; the next pass tries again. */
  failed: number;
};

export type ExpireRound = {
  /** Where to begin: behind this job, or at the one that is due the longest. */
  after: DuePosition | null;
  signal: AbortSignal;
  /** Called after each job. */
  onJob?: () => void;
};

/**
 * Removes what is past its time. Its cost follows what is due, however many jobs are kept. One job that it fails for does
 * not keep the others. `next` is where the next round has to begin; null = at the longest due again.
 */
export async function expire(
  context: ExpireContext,
  { after, signal, onJob = () => {} }: ExpireRound,
): Promise<Expired & { next: DuePosition | null }> {
  const done: Expired = { jobs: 0, records: 0, failed: 0 };
  const dueByMs = context.clock.nowMs();
  let position = after;
  for (let page = 0; page < EXPIRY_LIMITS.pagesMax && !signal.aborted; page += 1) {
    const jobs = await context.store.listExpiring({
      dueByMs,
      limit: EXPIRY_LIMITS.pageJobs,
      ...(position === null ? {} : { after: position }),
    });
    for (const job of jobs) {
      if (signal.aborted) break;
      await expireCounted(context, job, done);
      onJob();
    }
    const last = jobs.at(-1);
    if (last === undefined || jobs.length < EXPIRY_LIMITS.pageJobs) return { ...done, next: null };
    position = { dueAtMs: dueAtMs(last) ?? dueByMs, jobId: last.jobId };
  }
  return { ...done, next: position };
}

async function expireCounted(context: ExpireContext, job: JobRecord, done: Expired): Promise<void> {
  try {
    const removed = await expireJob(context, job);
    if (removed === 'files') done.jobs += 1;
    if (removed === 'record') done.records += 1;
  } catch (error) {
    done.failed += 1;
    context.log('cleanup.failed', { jobId: job.jobId, ...errorFields(error) });
  }
}

/**
 * What is due of one job as it was listed. Each step may be cut off and repeated, by several workers at once: a job
 * that is over moves neither its end nor its promise, so whoever sees something due is right about it for ever. Files are
 * removed first, then the trail is told, and the record last; so the trail may name a removal twice and never omits one.
 */
export async function expireJob(context: ExpireContext, listed: JobRecord): Promise<'files' | 'record' | null> {
  const nowMs = context.clock.nowMs();
  const job = listed.retention === null ? await promise(context, listed) : listed;
  if (job === null || job.retention === null) return null;
  const at = { nowMs, deployment: job.retention };
  if (isExpired(job, 'record', at)) {
    await told(context, job.jobId, 'record', nowMs);
    if (!(await saved(context, job, { type: 'deleteRequested', atMs: nowMs }))) return null;
    await advance(context, job.jobId);
    return 'record';
  }
  const files = dueFiles(job, nowMs);
  if (files.length === 0) return null;
  await removeFiles(context.objects, job.jobId, files);
  for (const kept of files) await told(context, job.jobId, kept, nowMs);
  return (await saved(context, job, { type: 'expired', files, atMs: nowMs })) ? 'files' : null;
}

/** For a job of an older release: the deployment's times, from now on for good. Null: somebody was faster. */
async function promise(context: ExpireContext, job: JobRecord): Promise<JobRecord | null> {
  const change = transition(job, { type: 'retentionPromised', retention: context.retention });
  return (await context.store.save(change)) === 'saved' ? change.after : null;
}

async function removeFiles(objects: ObjectStore, jobId: JobId, files: readonly FileClass[]): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of objects.list(jobPrefix(jobId))) {
    const kind = objectKind(key);
    if (kind !== null && files.includes(CLASS_OF_KIND[kind])) keys.push(key);
  }
  await objects.delete(keys);
}

async function saved(context: ExpireContext, job: JobRecord, event: JobEvent): Promise<boolean> {
  return (await context.store.save(transition(job, event))) === 'saved';
}

/** Nobody asked for it: the promise did. */
async function told({ clients }: ExpireContext, jobId: JobId, kept: RetentionClass, atMs: number): Promise<void> {
  const nobody = { clientId: null, keyId: null, requestId: null };
  await clients.audit({ atMs, ...nobody, action: `expire.${kept}`, jobId, outcome: 'done' });
}
