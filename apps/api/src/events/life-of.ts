import {
  faultOf,
  isTerminal,
  lastEventIdSchema,
  type FailureCode,
  type JobRecord,
  type LifeEvent,
} from '@bpi/job-contract';

/**
 * How far somebody was told of a job's life: up to this rank, and whether of the wish to cancel. Both only grow, whatever
 * happens to the job, so from any position the rest is known without a log of what was sent.
 */
export type LifePosition = { rank: number; cancelTold: boolean };

/** An event, and the position of whoever was told it. */
export type Told = { id: string; event: LifeEvent; position: LifePosition };

export const NOTHING_TOLD: LifePosition = { rank: -1, cancelTold: false };

const CREATED_RANK = 0;
const END_RANK = Number.POSITIVE_INFINITY;
const RANKS_PER_ATTEMPT = 10;
const CLAIMED = 1;
const STARTED = 2;
const ENDED = 3;
const END_ID = 'end';
const CANCEL_TOLD = 'c';

type Step = { rank: number; atMs: number; event: LifeEvent };

/** What is left to tell, in order. Pure: the record says all of it, so a replay needs nothing else and survives restarts. */
export function eventsAfter(job: JobRecord, from: LifePosition): Told[] {
  const { cancelRequestedAtMs } = job;
  const told: Told[] = [];
  let position = from;
  const tell = (event: LifeEvent, next: LifePosition): void => {
    told.push({ id: idOf(next), event, position: next });
    position = next;
  };
  const tellCancel = (atMs: number): void =>
    tell(eventOf(job, 'cancel_requested', atMs), { rank: position.rank, cancelTold: true });
  for (const { rank, atMs, event } of stepsOf(job)) {
    if (rank <= from.rank) continue;
    // Where it came by its time, and never after the end; the clocks of two machines may differ.
    const isCancelNext = cancelRequestedAtMs !== null && !position.cancelTold && rank > CREATED_RANK;
    if (isCancelNext && (atMs > cancelRequestedAtMs || rank === END_RANK)) tellCancel(cancelRequestedAtMs);
    tell(event, { rank, cancelTold: position.cancelTold || rank === END_RANK });
  }
  if (cancelRequestedAtMs !== null && !position.cancelTold) tellCancel(cancelRequestedAtMs);
  return told;
}

/** Where the event with this id leaves off; null = it is no event of this job. */
export function positionOf(job: JobRecord, id: string): LifePosition | null {
  if (!lastEventIdSchema.safeParse(id).success) return null;
  const rank = id === END_ID ? END_RANK : Number.parseInt(id, 10);
  const cancelTold = rank === END_RANK || id.endsWith(CANCEL_TOLD);
  if (!stepsOf(job).some((step) => step.rank === rank)) return null;
  if (id.endsWith(CANCEL_TOLD) && job.cancelRequestedAtMs === null) return null;
  return { rank, cancelTold };
}

/** True if nothing can follow. */
export function isToldAll({ rank }: LifePosition): boolean {
  return rank === END_RANK;
}

function idOf({ rank, cancelTold }: LifePosition): string {
  return rank === END_RANK ? END_ID : `${rank}${cancelTold ? CANCEL_TOLD : ''}`;
}

/** Everything but the wish to cancel, by rank. */
function stepsOf(job: JobRecord): Step[] {
  const created = { ...eventOf(job, 'created', job.createdAtMs), status: 'pending', phase: 'queued' } as const;
  const steps: Step[] = [{ rank: CREATED_RANK, atMs: job.createdAtMs, event: created }];
  let hasRun = false;
  for (const attempt of attemptsOf(job)) {
    steps.push(...attemptSteps(job, attempt, hasRun));
    hasRun ||= attempt.startedAtMs !== null;
  }
  if (isTerminal(job.phase) && job.endedAtMs !== null) {
    const event: LifeEvent = {
      ...eventOf(job, job.phase, job.endedAtMs),
      ...failureOf(job.error?.code ?? null),
      status: job.phase,
      phase: job.phase,
    };
    steps.push({ rank: END_RANK, atMs: job.endedAtMs, event });
  }
  return steps;
}

type AttemptTimes = {
  epoch: number;
  claimedAtMs: number;
  startedAtMs: number | null;
  end: { atMs: number; code: FailureCode | null } | null;
};

/** Oldest first. The record keeps its newest attempt also after that ended. */
function attemptsOf(job: JobRecord): AttemptTimes[] {
  const ended = job.endedAttempts.map(({ epoch, claimedAtMs, startedAtMs, endedAtMs, code }) => ({
    epoch,
    claimedAtMs,
    startedAtMs,
    end: { atMs: endedAtMs, code },
  }));
  const { attempt } = job;
  if (attempt === null || ended.some(({ epoch }) => epoch === attempt.epoch)) return ended;
  return [...ended, { ...attempt, end: null }];
}

function attemptSteps(job: JobRecord, times: AttemptTimes, hasRun: boolean): Step[] {
  const { epoch: attempt, claimedAtMs, startedAtMs, end } = times;
  const rank = RANKS_PER_ATTEMPT * attempt;
  const status = hasRun ? 'running' : 'pending';
  const claimed = { ...eventOf(job, 'claimed', claimedAtMs), attempt, status, phase: 'launching' } as const;
  const steps: Step[] = [{ rank: rank + CLAIMED, atMs: claimedAtMs, event: claimed }];
  if (startedAtMs !== null) {
    const started = { ...eventOf(job, 'started', startedAtMs), attempt, status: 'running', phase: 'running' } as const;
    steps.push({ rank: rank + STARTED, atMs: startedAtMs, event: started });
  }
  if (end !== null) {
    const ended = { ...eventOf(job, 'attempt_ended', end.atMs), attempt, ...failureOf(end.code) };
    steps.push({ rank: rank + ENDED, atMs: end.atMs, event: ended });
  }
  return steps;
}

function eventOf<T extends LifeEvent['type']>({ jobId }: JobRecord, type: T, atMs: number): LifeEvent & { type: T } {
  return { job_id: jobId, type, at: new Date(atMs).toISOString() };
}

function failureOf(code: FailureCode | null): Pick<LifeEvent, 'code' | 'fault'> {
  return code === null ? {} : { code, fault: faultOf(code) };
}
