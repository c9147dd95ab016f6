import { errorFields, isTerminal, type JobId, type JobRecord } from '@bpi/job-contract';
import { advance, type AdvanceContext } from './advance.ts';
import { deadlinePassed, poolOfClaim } from './decide.ts';
import { erasureDue, projectionDue } from './new-job.ts';
import type { ListedTask } from './ports/task-runner.ts';
import { transition } from './transition.ts';

export const SWEEP_LIMITS = {
  /** Active jobs read per page, and pages per sweep: the next one begins where this one ended. */
  pageJobs: 200,
  pagesMax: 100,
} as const;

export type Leftover = JobRecord['leftovers'][number];

export type Swept = {
  jobs: number;
  woken: number;
  orphans: number;
  /** How long the longest waiting of these jobs has been there; 0 = none waits. */
  oldestQueuedMs: number;
};

/** The last job that a sweep looked at. */
export type SweepPosition = { createdAtMs: number; jobId: JobId };

export type SweepRound = {
  /** Where to begin: behind this job, or at the oldest one. */
  after: SweepPosition | null;
  signal: AbortSignal;
  /** Called after each job and task: a sweep of many is slow and does not hang. */
  onJob?: () => void;
};

/**
 * Looks at everything that is not over, so that a lost wake-up, event or projection is only late.
 * One broken job does not keep the others waiting. `next` is where the next sweep has to begin, so that jobs behind
 * `pagesMax` pages get their turn; null = at the oldest one again.
 */
export async function sweep(
  context: AdvanceContext,
  { after, signal, onJob = () => {} }: SweepRound,
): Promise<Swept & { next: SweepPosition | null }> {
  const swept = { jobs: 0, woken: 0, orphans: await stopOrphansIfListed(context, onJob), oldestQueuedMs: 0 };
  const freeByPool = new Map<string, number>();
  let position = after;
  for (let page = 0; page < SWEEP_LIMITS.pagesMax && !signal.aborted; page += 1) {
    const jobs = await context.store.listActive({
      limit: SWEEP_LIMITS.pageJobs,
      ...(position === null ? {} : { after: position }),
    });
    for (const job of jobs) {
      if (signal.aborted) break;
      await sweepJob(context, job, freeByPool, swept);
      onJob();
    }
    const last = jobs.at(-1);
    if (last === undefined || jobs.length < SWEEP_LIMITS.pageJobs) return { ...swept, next: null };
    position = { createdAtMs: last.createdAtMs, jobId: last.jobId };
  }
  return { ...swept, next: position };
}

/** Cancels and deadlines must not wait for a runner that cannot list its tasks. */
async function stopOrphansIfListed(context: AdvanceContext, onJob: () => void): Promise<number> {
  try {
    return await stopOrphans(context, onJob);
  } catch (error) {
    context.log('loop.failed', { loop: 'orphans', ...errorFields(error) });
    return 0;
  }
}

/**
 * One active job as listed: wakes it, or advances it, and removes what it left behind. Counts into `swept`. A job that
 * is over and shown changes no more, so only what it left behind costs anything: those are most of a busy hour's jobs.
 */
export async function sweepJob(
  context: AdvanceContext,
  job: JobRecord,
  freeByPool: Map<string, number>,
  swept: Swept,
): Promise<void> {
  swept.jobs += 1;
  if (waits(job)) {
    swept.oldestQueuedMs = Math.max(swept.oldestQueuedMs, context.clock.nowMs() - job.createdAtMs);
  }
  try {
    if (waitsForClaim(context, job)) {
      if (await wakeIfRoom(context, job, freeByPool)) {
        swept.woken += 1;
        return;
      }
    } else if (!isTerminal(job.phase) || projectionDue(job) || erasureDue(job)) {
      await advance(context, job.jobId);
    }
    await removeLeftovers(context, job.jobId, dueLeftovers(context, job));
  } catch (error) {
    context.log('advance.failed', { jobId: job.jobId, ...errorFields(error) });
  }
}

/** For its turn, or for the machine of the attempt that it was given. */
function waits({ phase, attempt }: JobRecord): boolean {
  return phase === 'queued' || (phase === 'launching' && attempt?.waitsForCapacity === true);
}

/** Queued with nothing else to decide about it: the dispatch loop claims it, not the sweep. */
function waitsForClaim({ clock }: AdvanceContext, job: JobRecord): boolean {
  return job.phase === 'queued' && job.cancelRequestedAtMs === null && !deadlinePassed(job, clock.nowMs());
}

/**
 * A queued job whose time has come gets a new wake-up only while its pool has a free slot for it. With free slots
 * its message was lost or rests, or is about to be received, so this stays bounded however long the queue is.
 */
async function wakeIfRoom(context: AdvanceContext, job: JobRecord, freeByPool: Map<string, number>): Promise<boolean> {
  if (job.notBeforeMs > context.clock.nowMs()) return false;
  const pool = poolOfClaim(job, context.clock.nowMs(), context.policy);
  const free = freeByPool.get(pool) ?? (await context.store.room(pool)).free;
  freeByPool.set(pool, free - 1);
  if (free <= 0) return false;
  await context.queue.send(job, 0);
  return true;
}

/** What ended so long ago that no launch can be under way that would have to find it. */
export function dueLeftovers(context: Pick<AdvanceContext, 'clock' | 'policy'>, job: JobRecord): Leftover[] {
  return job.leftovers.filter(({ endedAtMs }) => context.clock.nowMs() - endedAtMs >= context.policy.taskKeptMs);
}

/** Removes the tasks first and their names after that, so that a crash in between only means another try. */
export async function removeLeftovers(context: AdvanceContext, jobId: JobId, due: readonly Leftover[]): Promise<void> {
  if (due.length === 0) return;
  for (const { epoch, task } of due) {
    await context.runner.remove({ jobId, epoch, ref: task });
    context.log('task.removed', { jobId, epoch });
  }
  const stored = await context.store.get(jobId);
  if (stored === null) return;
  await context.store.save(transition(stored.job, { type: 'leftoversRemoved', epochs: due.map(({ epoch }) => epoch) }));
}

/**
 * Tasks are listed first and each job is read after that, so a claim made meanwhile is never taken for an orphan.
 */
export async function stopOrphans(context: AdvanceContext, onTask: () => void = () => {}): Promise<number> {
  let stopped = 0;
  for (const task of await context.runner.list()) {
    if (!task.live) continue;
    onTask();
    try {
      if (await stopIfOrphan(context, task)) stopped += 1;
    } catch (error) {
      // A task that cannot be stopped must not keep every job from being swept.
      context.log('advance.failed', { jobId: task.jobId, ...errorFields(error) });
    }
  }
  return stopped;
}

async function stopIfOrphan(context: AdvanceContext, task: ListedTask): Promise<boolean> {
  const stored = await context.store.get(task.jobId);
  const job = stored?.job ?? null;
  if (!isOrphan(task, job)) return false;
  context.log('task.orphan', { jobId: task.jobId, epoch: task.epoch });
  await context.runner.stop(task, orphanStopMode(task, job, context));
  return true;
}

/** Never an orphan: a task whose epoch is newer than what was read. A task without any job is one. */
export function isOrphan(task: Pick<ListedTask, 'epoch'>, job: JobRecord | null): boolean {
  if (job === null) return true;
  const current = job.attempt?.epoch ?? 0;
  if (task.epoch > current) return false;
  return isTerminal(job.phase) || job.phase === 'queued' || task.epoch < current;
}

/**
 * Harder once the attempt is over for longer than a stop may take: an orphan has no intent to count from. A task whose
 * job is unknown is only asked: nothing tells how long it has been one.
 */
function orphanStopMode(
  task: Pick<ListedTask, 'epoch'>,
  job: JobRecord | null,
  { clock, policy }: Pick<AdvanceContext, 'clock' | 'policy'>,
): 'ask' | 'force' {
  if (job === null) return 'ask';
  // A leftover that was removed from the record had been kept for longer than any stop takes.
  const ended = job.leftovers.find(({ epoch }) => epoch === task.epoch);
  return ended !== undefined && clock.nowMs() - ended.endedAtMs < policy.stopEscalationMs ? 'ask' : 'force';
}
