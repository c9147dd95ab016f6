import {
  faultOf,
  holdsSlot,
  isTerminal,
  TRANSITIONS,
  type Attempt,
  type JobRecord,
  type Phase,
  type SlotChange,
} from '@bpi/job-contract';
import { dueFiles } from './expiry.ts';
import type { JobEvent } from './job-event.ts';
import { isActive } from './new-job.ts';

/**
 * One step in a job's life, made by `transition` only. A store saves it if the stored version is still
 * `before.version`, and moves the pool's slot with it.
 */
export type Change = {
  readonly before: JobRecord;
  readonly after: JobRecord;
  readonly slot: SlotChange;
  /** The pool whose slot moves. */
  readonly pool: string;
  readonly event: JobEvent['type'];
};

const made = new WeakSet<Change>();

/** For stores: refuses a record that did not come from `transition`. */
export function assertChange(change: Change): void {
  if (!made.has(change)) throw new Error('JobStore.save takes only what transition() made');
}

/** A caller applied an event in a phase where it cannot happen: a bug, not an operating error. */
export class IllegalTransition extends Error {
  override readonly name = 'IllegalTransition';
  constructor(phase: Phase, event: JobEvent['type']) {
    super(`a job that is ${phase} cannot take the event ${event}`);
  }
}

/** The only function that changes a record. Pure; throws IllegalTransition. */
export function transition(before: JobRecord, event: JobEvent): Change {
  const after: JobRecord = { ...before, ...apply(before, event), version: before.version + 1 };
  if (isTerminal(after.phase) && !isTerminal(before.phase)) after.endedVersion = after.version;
  const change: Change = Object.freeze({
    before,
    after: Object.freeze(after),
    slot: slotChange(before.phase, after.phase, event.type),
    pool: (holdsSlot(after.phase) ? after : before).attempt?.pool ?? before.pool,
    event: event.type,
  });
  made.add(change);
  return change;
}

function slotChange(from: Phase, to: Phase, event: JobEvent['type']): SlotChange {
  if (from === to) return 'keep';
  const row = TRANSITIONS.find((candidate) => candidate.from === from && candidate.to === to);
  if (row === undefined) throw new IllegalTransition(from, event);
  return row.slot;
}

function apply(job: JobRecord, event: JobEvent): Partial<JobRecord> {
  switch (event.type) {
    case 'claimed':
      return claimed(job, event);
    case 'taskSeen':
      return {
        attempt: {
          ...liveAttempt(job, event),
          task: event.task,
          waitsForCapacity: event.waitsForCapacity,
          missingSinceMs: null,
        },
      };
    case 'taskMissing':
      return { attempt: { ...liveAttempt(job, event), missingSinceMs: event.atMs } };
    case 'dispatchFailed': {
      const attempt = liveAttempt(job, event);
      return { attempt: { ...attempt, dispatchFailures: attempt.dispatchFailures + 1 } };
    }
    case 'started':
      return started(job, event);
    case 'intended': {
      const attempt = liveAttempt(job, event);
      if (attempt.intent !== null) throw new IllegalTransition(job.phase, event.type);
      return { attempt: { ...attempt, intent: { code: event.code, atMs: event.atMs } } };
    }
    case 'published': {
      const attempt = liveAttempt(job, event);
      return {
        ...leaving(job, attempt, { code: null, atMs: event.atMs }),
        phase: 'completed',
        endedAtMs: event.atMs,
        firstRunningAtMs: job.firstRunningAtMs ?? event.atMs,
        result: { epoch: attempt.epoch, manifest: event.manifest },
      };
    }
    case 'retried':
      return retried(job, event);
    case 'failed':
      return failed(job, event);
    case 'cancelRequested':
      if (isTerminal(job.phase)) throw new IllegalTransition(job.phase, event.type);
      return { cancelRequestedAtMs: job.cancelRequestedAtMs ?? event.atMs };
    case 'projected':
      if (!isTerminal(job.phase) || job.deletion !== null) throw new IllegalTransition(job.phase, event.type);
      return { projectedVersion: Math.max(job.projectedVersion, event.atVersion) };
    case 'leftoversRemoved':
      return { leftovers: job.leftovers.filter(({ epoch }) => !event.epochs.includes(epoch)) };
    case 'deleteRequested':
      return deleteRequested(job, event.atMs);
    case 'erased': {
      const deletion = openDeletion(job, event);
      return { deletion: { ...deletion, erasedAtMs: deletion.erasedAtMs ?? event.atMs } };
    }
    case 'deleted': {
      const deletion = openDeletion(job, event);
      if (job.leftovers.length > 0) throw new IllegalTransition(job.phase, event.type);
      return { deletion: { ...deletion, erasedAtMs: deletion.erasedAtMs ?? event.atMs, doneAtMs: event.atMs } };
    }
    case 'retentionPromised':
      assertKept(job, event);
      if (job.retention !== null) throw new IllegalTransition(job.phase, event.type);
      return { retention: event.retention };
    case 'expired':
      return expired(job, event);
  }
}

function liveAttempt(job: JobRecord, event: JobEvent): Attempt {
  if (!holdsSlot(job.phase) || job.attempt === null) throw new IllegalTransition(job.phase, event.type);
  return job.attempt;
}

function claimed(job: JobRecord, event: Extract<JobEvent, { type: 'claimed' }>): Partial<JobRecord> {
  if (job.phase !== 'queued') throw new IllegalTransition(job.phase, event.type);
  return {
    phase: 'launching',
    attempt: {
      epoch: (job.attempt?.epoch ?? 0) + 1,
      claimedAtMs: event.atMs,
      pool: event.pool,
      definition: event.definition,
      shrunk: job.retries.shrunk > 0,
      task: null,
      waitsForCapacity: false,
      dispatchFailures: 0,
      startedAtMs: null,
      deadlineAtMs: null,
      intent: null,
      missingSinceMs: null,
    },
  };
}

function started(job: JobRecord, event: Extract<JobEvent, { type: 'started' }>): Partial<JobRecord> {
  if (job.phase !== 'launching') throw new IllegalTransition(job.phase, event.type);
  return {
    phase: 'running',
    firstRunningAtMs: job.firstRunningAtMs ?? event.atMs,
    attempt: {
      ...liveAttempt(job, event),
      task: event.task,
      waitsForCapacity: false,
      missingSinceMs: null,
      startedAtMs: event.atMs,
      deadlineAtMs: event.atMs + job.attemptTimeoutMs,
    },
  };
}

function retried(job: JobRecord, event: Extract<JobEvent, { type: 'retried' }>): Partial<JobRecord> {
  const { retries } = job;
  return {
    ...leaving(job, liveAttempt(job, event), event),
    phase: 'queued',
    notBeforeMs: event.notBeforeMs,
    retries: {
      ...retries,
      platform: retries.platform + (event.code === 'platform_error' ? 1 : 0),
      capacity: retries.capacity + (event.code === 'capacity_unavailable' ? 1 : 0),
      interrupted: retries.interrupted + (event.code === 'capacity_interrupted' ? 1 : 0),
      shrunk: retries.shrunk + (event.shrink === 'yes' ? 1 : 0),
    },
  };
}

function failed(job: JobRecord, event: Extract<JobEvent, { type: 'failed' }>): Partial<JobRecord> {
  if (isTerminal(job.phase)) throw new IllegalTransition(job.phase, event.type);
  const end = {
    phase: 'failed',
    endedAtMs: event.atMs,
    error: { code: event.code, fault: faultOf(event.code) },
  } as const;
  return holdsSlot(job.phase) ? { ...leaving(job, liveAttempt(job, event), event), ...end } : end;
}

/** The client's own words go at once: nothing of the record needs them any more. */
function deleteRequested(job: JobRecord, atMs: number): Partial<JobRecord> {
  return {
    externalJobId: null,
    deletion: job.deletion ?? { requestedAtMs: atMs, erasedAtMs: null, doneAtMs: null },
    ...(isTerminal(job.phase) ? {} : { cancelRequestedAtMs: job.cancelRequestedAtMs ?? atMs }),
  };
}

/** Of a job that is over, asked for and not done. */
function openDeletion(job: JobRecord, event: JobEvent): NonNullable<JobRecord['deletion']> {
  const { deletion } = job;
  if (!isTerminal(job.phase) || deletion === null || deletion.doneAtMs !== null) {
    throw new IllegalTransition(job.phase, event.type);
  }
  return deletion;
}

/** Nothing goes before its promised time, whatever the caller believes that the time is. */
function expired(job: JobRecord, event: Extract<JobEvent, { type: 'expired' }>): Partial<JobRecord> {
  assertKept(job, event);
  const due = dueFiles(job, event.atMs);
  if (!event.files.every((kept) => due.includes(kept))) throw new IllegalTransition(job.phase, event.type);
  return { expired: [...job.expired, ...event.files] };
}

/** Over, with nothing left to do about it but to keep it. */
function assertKept(job: JobRecord, event: JobEvent): void {
  if (isActive(job) || job.deletion !== null) throw new IllegalTransition(job.phase, event.type);
}

/** What every exit from an attempt notes: its end, and the stopped task to be removed later. */
function leaving(
  job: JobRecord,
  attempt: Attempt,
  end: { code: JobRecord['endedAttempts'][number]['code']; atMs: number },
): Partial<JobRecord> {
  const { epoch, pool, claimedAtMs, startedAtMs, task } = attempt;
  const ended = { epoch, pool, claimedAtMs, startedAtMs, endedAtMs: end.atMs, code: end.code };
  return {
    endedAttempts: [...job.endedAttempts, ended],
    leftovers: [...job.leftovers, { epoch, task, endedAtMs: end.atMs }],
  };
}
