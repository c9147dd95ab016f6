import type { JobRecord } from '@bpi/job-contract';
import type { Entry, Story } from './history.ts';
import type { Verdict } from './invariants.ts';
import { nameOf } from './naming.ts';
import { maskTextOf, OWN_ENDS, TROUBLED_ENDS } from './oracle.ts';

const RANK = { pending: 0, running: 1, completed: 2, failed: 2 } as const;

/** Judges what the clients were told, by each other and by the records as they are at last. */
export function checkHistory(
  stories: readonly Story[],
  records: ReadonlyMap<string, JobRecord>,
  verdict: Verdict,
  isCalm: boolean,
): void {
  const owners = new Map<string, string>();
  for (const story of stories) {
    checkKey(story, owners, verdict);
    checkOrder(story, verdict);
    checkResults(story, verdict);
    const job = story.jobId === null ? undefined : records.get(story.jobId);
    if (job === undefined) continue;
    checkEnd(story, job, verdict, isCalm);
    checkWishes(story, job, verdict);
  }
}

/** Every accepted answer names the same job, and no other order's. */
function checkKey({ order, jobId, entries }: Story, owners: Map<string, string>, verdict: Verdict): void {
  for (const { answer } of entries) {
    if (answer.told !== 'accepted') continue;
    const owner = owners.get(answer.jobId) ?? order.idempotencyKey;
    owners.set(answer.jobId, owner);
    const isOne = answer.jobId === jobId && owner === order.idempotencyKey;
    verdict.expect(isOne, 'oneJobPerKey', () => `${order.idempotencyKey} was told ${nameOf(answer.jobId)}, too`);
  }
}

/** An answer that came before another was asked for is not ahead of it. */
function checkOrder({ order, entries }: Story, verdict: Verdict): void {
  const told = entries.filter(({ answer }) => answer.told === 'status' || answer.told === 'gone');
  for (const later of told) {
    for (const earlier of told) {
      if (earlier.toldAtMs >= later.askedAtMs) continue;
      verdict.expect(isForward(earlier, later), 'monotone', () => {
        return `${order.idempotencyKey} was told ${JSON.stringify([earlier, later])}`;
      });
    }
  }
}

function isForward({ answer: earlier }: Entry, { answer: later }: Entry): boolean {
  if (earlier.told === 'gone') return later.told === 'gone';
  if (earlier.told !== 'status' || later.told !== 'status') return true;
  if (earlier.attempt > later.attempt || (earlier.cancelRequested && !later.cancelRequested)) return false;
  if (RANK[earlier.status] > RANK[later.status]) return false;
  const isOver = RANK[earlier.status] === RANK.completed;
  return !isOver || (earlier.status === later.status && earlier.code === later.code);
}

function checkResults({ order, entries }: Story, verdict: Verdict): void {
  const mask = maskTextOf(order.inputText);
  let metadata: string | null = null;
  for (const { answer } of entries) {
    if (answer.told !== 'result') continue;
    metadata ??= answer.metadata;
    const isSame = answer.mask === mask && answer.metadata === metadata;
    verdict.expect(isSame, 'sameResult', () => `${order.idempotencyKey} got ${answer.mask} ${answer.metadata}`);
  }
}

/** The job ended as its input calls for, unless its client or the troubles had a say. */
function checkEnd({ order, kind, entries }: Story, job: JobRecord, verdict: Verdict, isCalm: boolean): void {
  const end = job.error?.code ?? 'completed';
  const own: readonly string[] = OWN_ENDS[kind];
  const isHungry = kind === 'hungry' && !order.canShrink && end === 'completed';
  const wasAsked = entries.some(({ ask }) => ask === 'cancel' || ask === 'delete');
  const isTroubled = !isCalm && (TROUBLED_ENDS as readonly string[]).includes(end);
  const isLate = end === 'deadline_exceeded' && order.startDeadlineMs < job.totalDeadlineAtMs - job.createdAtMs;
  const isRight = (own.includes(end) && !isHungry) || (end === 'cancelled' && wasAsked) || isTroubled || isLate;
  verdict.expect(isRight, 'rightBlame', () => `${nameOf(job.jobId)} (${kind}) ended as ${end}`);
}

/** Nothing is shown to anybody who asked after the platform had noted the wish. */
function checkWishes({ entries }: Story, job: JobRecord, verdict: Verdict): void {
  const cancelled = entries.find(({ ask, answer }) => ask === 'cancel' && answer.told === 'cancelling');
  const deleted = entries.find(({ ask, answer }) => ask === 'delete' && answer.told === 'deleting');
  const name = nameOf(job.jobId);
  if (cancelled !== undefined) {
    const isShown = entries.some(({ answer }) => answer.told === 'result');
    verdict.expect(job.result === null && !isShown, 'gone', () => `${name} was cancelled and has a result`);
  }
  if (deleted === undefined) return;
  verdict.expect(job.deletion !== null, 'gone', () => `${name} was deleted, its record does not say so`);
  for (const { ask, askedAtMs, answer } of entries) {
    if (askedAtMs <= deleted.toldAtMs || ask === 'delete' || answer.told === 'mismatch' || ask === 'list') continue;
    verdict.expect(answer.told === 'gone', 'gone', () => `${name} was deleted and answered a ${ask}: ${answer.told}`);
  }
  const isListed = entries.some(
    ({ askedAtMs, answer }) =>
      askedAtMs > deleted.toldAtMs && answer.told === 'list' && answer.jobIds.includes(job.jobId),
  );
  verdict.expect(!isListed, 'gone', () => `${name} was deleted and is listed`);
}
