import { faultOf, holdsSlot, jobPrefix, type JobId, type JobRecord, type Log } from '@bpi/job-contract';
import type { Clock } from './clock.ts';
import type { Seen, Sight, Step } from './decide.ts';
import { isResultPast } from './expiry.ts';
import type { JobEvent } from './job-event.ts';
import type { JobPolicy } from './policy.ts';
import type { JobQueue } from './ports/job-queue.ts';
import type { JobStore } from './ports/job-store.ts';
import type { ObjectStore } from './ports/object-store.ts';
import type { TaskRunner } from './ports/task-runner.ts';
import { phaseTimes } from './phase-times.ts';
import { project } from './project.ts';
import { RULES, type Rules } from './rules.ts';

export type AdvanceContext = {
  store: JobStore;
  queue: JobQueue;
  runner: TaskRunner;
  objects: ObjectStore;
  clock: Clock;
  policy: JobPolicy;
  log: Log;
  /** Left out everywhere but in the protocol check, which breaks them one by one. */
  rules?: Rules;
};

/** What the caller of `advance` may want to know; nothing depends on it but pace. */
export type Advanced =
  | { kind: 'done' } // terminal, or unknown
  | { kind: 'moved' } // something was saved or stopped; a later look will show more
  | { kind: 'waiting'; untilMs: number | null }
  | { kind: 'full'; pool: string } // no slot of this pool was free for the claim
  | { kind: 'stale' }; // somebody else was faster: the next wake-up sees the newer truth

/**
 * Brings one job one step further: one read, one decision, at most two writes. Safe to call at any time, twice,
 * late, and from several workers at once. Throws when a port does; the job is as it was, and a later call goes on.
 */
export async function advance(context: AdvanceContext, jobId: JobId): Promise<Advanced> {
  const loadedAtMs = context.clock.monotonicMs();
  const stored = await context.store.get(jobId);
  if (stored === null) {
    context.log('job.unknown', { jobId });
    return { kind: 'done' };
  }
  const { job } = stored;
  // The time before the look: "still missing" says nothing about a later moment, however long the look took.
  const nowMs = context.clock.nowMs();
  const sight = await look(context, job);
  const step = rulesOf(context).decide(job, sight, nowMs, context.policy);
  return perform(context, job, step, loadedAtMs);
}

/** Inspect first, then the report: a report found after the task was seen stopped is complete. */
async function look(context: AdvanceContext, job: JobRecord): Promise<Sight> {
  if (!holdsSlot(job.phase) || job.attempt === null) return { observation: null, report: null };
  const { epoch, task } = job.attempt;
  const observation = await context.runner.inspect({ jobId: job.jobId, epoch, ref: task });
  const over = observation.state === 'stopped' || observation.state === 'missing';
  return { observation, report: over ? await rulesOf(context).readReport(context.objects, job.jobId, epoch) : null };
}

async function perform(context: AdvanceContext, job: JobRecord, step: Step, loadedAtMs: number): Promise<Advanced> {
  const atMs = context.clock.nowMs();
  switch (step.step) {
    case 'claim':
      return claim(context, job, step.pool, loadedAtMs);
    case 'launch':
      return launch(context, job, loadedAtMs);
    case 'wait':
      if (step.note !== null) {
        const event: JobEvent = step.note.kind === 'seen' ? taskSeen(step.note) : { type: 'taskMissing', atMs };
        return saved(await save(context, job, event), { kind: 'moved' });
      }
      return job.endedVersion === null ? { kind: 'waiting', untilMs: step.untilMs } : { kind: 'done' };
    case 'markRunning':
      return saved(await save(context, job, { type: 'started', task: step.task, atMs }), { kind: 'moved' });
    case 'intend':
      return intend(context, job, { type: 'intended', code: step.code, atMs });
    case 'stop':
      return stop(context, job, step);
    case 'publish':
      return leave(context, job, { type: 'published', manifest: step.manifest, atMs }, loadedAtMs);
    case 'retry': {
      const { code, notBeforeMs, shrink } = step;
      return leave(context, job, { type: 'retried', code, notBeforeMs, shrink, atMs }, loadedAtMs);
    }
    case 'fail':
      return leave(context, job, { type: 'failed', code: step.code, atMs }, loadedAtMs);
    case 'project':
      return projectResult(context, job);
    case 'erase':
      return erase(context, job, step.then);
  }
}

/** Claim first, then launch, in one go: the usual way of a job. */
async function claim(context: AdvanceContext, job: JobRecord, pool: string, loadedAtMs: number): Promise<Advanced> {
  const definition = context.runner.definitionOf(job.model);
  const claimed = await save(context, job, { type: 'claimed', pool, definition, atMs: context.clock.nowMs() });
  if (claimed === 'full') return { kind: 'full', pool };
  return claimed === 'stale' ? { kind: 'stale' } : launch(context, claimed, loadedAtMs);
}

async function launch(context: AdvanceContext, job: JobRecord, loadedAtMs: number): Promise<Advanced> {
  const { attempt, jobId } = job;
  if (attempt === null) throw new Error('a launch needs a claim');
  const { epoch, shrunk, pool, definition } = attempt;
  const { model } = job;
  const startedMs = context.clock.monotonicMs();
  const times = { nowMs: context.clock.nowMs(), monotonicMs: startedMs, loadedAtMs };
  if (!rulesOf(context).mayLaunch(job, times, context.policy)) return { kind: 'stale' };
  try {
    const launched = await context.runner.launch({ jobId, epoch, model, pool, definition, shrunk });
    if (launched.kind === 'refused') {
      context.log('task.refused', { jobId, epoch, code: launched.code });
      return intend(context, job, { type: 'intended', code: launched.code, atMs: context.clock.nowMs() });
    }
    context.log('task.launched', {
      jobId,
      epoch,
      task: launched.ref,
      durationMs: context.clock.monotonicMs() - startedMs,
    });
    const seen: JobEvent = { type: 'taskSeen', task: launched.ref, waitsForCapacity: false };
    return saved(await save(context, job, seen), { kind: 'moved' });
  } catch (error) {
    await save(context, job, { type: 'dispatchFailed' });
    throw error;
  }
}

/** Saves the intent, then asks the task to stop at once; later advances repeat that until it is gone. */
async function intend(
  context: AdvanceContext,
  job: JobRecord,
  event: Extract<JobEvent, { type: 'intended' }>,
): Promise<Advanced> {
  const after = await save(context, job, event);
  if (typeof after === 'string') return { kind: 'stale' };
  if (after.attempt !== null) {
    const { epoch, task } = after.attempt;
    context.log('job.intent', { jobId: job.jobId, epoch, code: event.code });
    await context.runner.stop({ jobId: job.jobId, epoch, ref: task }, 'ask');
  }
  return { kind: 'moved' };
}

async function stop(context: AdvanceContext, job: JobRecord, step: Extract<Step, { step: 'stop' }>): Promise<Advanced> {
  if (job.attempt === null) throw new Error('a stop needs an attempt');
  const { epoch, task } = job.attempt;
  const ref = step.note?.task ?? task;
  context.log('task.stopping', { jobId: job.jobId, epoch, mode: step.mode });
  await context.runner.stop({ jobId: job.jobId, epoch, ref }, step.mode);
  if (step.note !== null) return saved(await save(context, job, taskSeen(step.note)), { kind: 'moved' });
  return { kind: 'moved' };
}

/** Leaves the attempt: publication, retry or failure; then goes on with the end, or sees to the next claim. */
async function leave(context: AdvanceContext, job: JobRecord, event: JobEvent, loadedAtMs: number): Promise<Advanced> {
  const after = await save(context, job, event);
  if (typeof after === 'string') return { kind: 'stale' };
  if (after.phase === 'queued') {
    await context.queue.send(after, Math.max(0, after.notBeforeMs - context.clock.nowMs()));
    return { kind: 'moved' };
  }
  const sight: Sight = { observation: null, report: null };
  const next = rulesOf(context).decide(after, sight, context.clock.nowMs(), context.policy);
  return perform(context, after, next, loadedAtMs);
}

async function projectResult(context: AdvanceContext, job: JobRecord): Promise<Advanced> {
  // What could not be shown for so long is not shown any more: else nothing of the job would ever be removed.
  if (!isResultPast(job, context.clock.nowMs())) await project(context.objects, job);
  const event: JobEvent = { type: 'projected', atVersion: job.endedVersion ?? 0 };
  return saved(await save(context, job, event), { kind: 'done' });
}

/**
 * Removes the files first and notes it after that: a crash in between only means another try. Whoever got ahead of us
 * with the note has removed them, too.
 */
async function erase(context: AdvanceContext, job: JobRecord, then: 'erased' | 'deleted'): Promise<Advanced> {
  await context.objects.deletePrefix(jobPrefix(job.jobId));
  const after = await save(context, job, { type: then, atMs: context.clock.nowMs() });
  if (typeof after === 'string') return { kind: 'stale' };
  context.log('job.erased', { jobId: job.jobId, last: then === 'deleted' });
  return { kind: 'done' };
}

async function save(context: AdvanceContext, job: JobRecord, event: JobEvent): Promise<JobRecord | 'stale' | 'full'> {
  const change = rulesOf(context).transition(job, event);
  const result = await context.store.save(change);
  if (result !== 'saved') return result;
  const { before, after } = change;
  if (before.phase !== after.phase) {
    const code = 'code' in event ? { code: event.code } : {};
    const fault = event.type === 'failed' ? { fault: faultOf(event.code) } : {};
    const epoch = after.attempt?.epoch ?? 0;
    context.log('job.phase', {
      jobId: job.jobId,
      epoch,
      from: before.phase,
      to: after.phase,
      version: after.version,
      ...phaseTimes(change, 'atMs' in event ? event.atMs : context.clock.nowMs()),
      ...code,
      ...fault,
    });
  }
  return after;
}

/** Of any save but a claim, which alone takes a slot and may find none. */
function saved(result: JobRecord | 'stale' | 'full', then: Advanced): Advanced {
  return typeof result === 'string' ? { kind: 'stale' } : then;
}

function taskSeen({ task, waitsForCapacity }: Seen): JobEvent {
  return { type: 'taskSeen', task, waitsForCapacity };
}

function rulesOf(context: AdvanceContext): Rules {
  return context.rules ?? RULES;
}
