import {
  DEFAULT_RETENTION,
  holdsSlot,
  isTerminal,
  jobRecordSchema,
  PHASES,
  TRANSITIONS,
  type JobRecord,
  type Phase,
} from '@bpi/job-contract';
import { describe, expect, it } from '@jest/globals';
import { aJob, aLaunchingJob, anAttempt, aRunningJob } from './a-job.ts';
import type { JobEvent } from './job-event.ts';
import { assertChange, IllegalTransition, transition } from './transition.ts';

const atMs = 12_000;
const manifest = [
  {
    name: 'pred_mask.npz' as const,
    key: 'k',
    bytes: 1,
    sha256: '1'.repeat(64),
    media_type: 'application/octet-stream',
  },
];

const EVENTS: Record<JobEvent['type'], JobEvent> = {
  claimed: { type: 'claimed', pool: 'cpu', definition: null, atMs },
  taskSeen: { type: 'taskSeen', task: 'task', waitsForCapacity: false },
  taskMissing: { type: 'taskMissing', atMs },
  dispatchFailed: { type: 'dispatchFailed' },
  started: { type: 'started', task: 'task', atMs },
  intended: { type: 'intended', code: 'cancelled', atMs },
  published: { type: 'published', manifest, atMs },
  retried: { type: 'retried', code: 'platform_error', notBeforeMs: 13_000, shrink: 'no', atMs },
  failed: { type: 'failed', code: 'model_error', atMs },
  cancelRequested: { type: 'cancelRequested', atMs },
  projected: { type: 'projected', atVersion: 1 },
  leftoversRemoved: { type: 'leftoversRemoved', epochs: [1] },
  deleteRequested: { type: 'deleteRequested', atMs },
  erased: { type: 'erased', atMs },
  deleted: { type: 'deleted', atMs },
  retentionPromised: { type: 'retentionPromised', retention: DEFAULT_RETENTION },
  expired: { type: 'expired', files: ['input'], atMs },
};

const inFlight = ['launching', 'running'] as const;
const everywhere = PHASES;
const alive = ['queued', ...inFlight] as const;

/** Where each event is legal, and the phase it leads to (null = the phase stays). */
const LEGAL: Record<JobEvent['type'], { from: readonly Phase[]; to: Phase | null }> = {
  claimed: { from: ['queued'], to: 'launching' },
  taskSeen: { from: inFlight, to: null },
  taskMissing: { from: inFlight, to: null },
  dispatchFailed: { from: inFlight, to: null },
  started: { from: ['launching'], to: 'running' },
  intended: { from: inFlight, to: null },
  published: { from: inFlight, to: 'completed' },
  retried: { from: inFlight, to: 'queued' },
  failed: { from: alive, to: 'failed' },
  cancelRequested: { from: alive, to: null },
  projected: { from: ['completed', 'failed'], to: null },
  leftoversRemoved: { from: everywhere, to: null },
  deleteRequested: { from: everywhere, to: null },
  // Of a job whose deletion was asked: see deletion.spec.ts.
  erased: { from: [], to: null },
  deleted: { from: [], to: null },
  // Of a job that is over, shown, and without a task: see expiry.spec.ts.
  retentionPromised: { from: [], to: null },
  expired: { from: [], to: null },
};

function jobIn(phase: Phase): JobRecord {
  if (phase === 'queued') return aJob();
  if (phase === 'launching') return aLaunchingJob();
  if (phase === 'running') return aRunningJob();
  return aJob({ phase, attempt: anAttempt(), endedVersion: 1 });
}

const PAIRS = PHASES.flatMap((phase) => Object.values(EVENTS).map((event) => ({ phase, event })));

describe('transition', () => {
  it.each(PAIRS.map(({ phase, event }) => [phase, event.type, event] as const))(
    '%s, %s: legal as the table says',
    (phase, type, event) => {
      const before = jobIn(phase);
      const { from, to } = LEGAL[type];
      if (!from.includes(phase)) {
        expect(() => transition(before, event)).toThrow(IllegalTransition);
        return;
      }
      const change = transition(before, event);
      expect(change.after.phase).toBe(to ?? phase);
      expect(change.after.version).toBe(before.version + 1);
      expect(change.before).toBe(before);
      expect(jobRecordSchema.safeParse(change.after).success).toBe(true);
      const row = TRANSITIONS.find((candidate) => candidate.from === phase && candidate.to === change.after.phase);
      expect(change.slot).toBe(phase === change.after.phase ? 'keep' : row?.slot);
      assertChange(change);
    },
  );

  it.each(PAIRS.filter(({ phase, event }) => LEGAL[event.type].from.includes(phase)))(
    '$phase, $event.type: keeps what a newer release noted about the job',
    ({ phase, event }) => {
      const noted = { sinceTomorrow: { reason: 'x' } };
      const job = jobIn(phase);
      const retries = { ...job.retries, ...noted };
      const before = { ...job, ...noted, retries };
      expect(transition(before, event).after).toMatchObject({ ...noted, retries: noted });
    },
  );

  it('makes every row of TRANSITIONS possible and no other change of phase', () => {
    const made = new Set<string>();
    for (const { phase, event } of PAIRS) {
      if (!LEGAL[event.type].from.includes(phase)) continue;
      const { after } = transition(jobIn(phase), event);
      if (after.phase !== phase) made.add(`${phase} ${after.phase}`);
    }
    expect([...made].sort()).toEqual(TRANSITIONS.map(({ from, to }) => `${from} ${to}`).sort());
  });

  it('takes and frees the slot exactly when the job begins and ceases to hold one', () => {
    for (const { phase, event } of PAIRS) {
      if (!LEGAL[event.type].from.includes(phase)) continue;
      const { after, slot } = transition(jobIn(phase), event);
      const expected = holdsSlot(phase) === holdsSlot(after.phase) ? 'keep' : holdsSlot(phase) ? 'free' : 'take';
      expect(slot).toBe(expected);
    }
  });

  it('numbers attempts and starts each with a clean slate', () => {
    const retried = transition(aRunningJob({ missingSinceMs: 1 }), EVENTS.retried).after;
    expect(retried.endedAttempts).toHaveLength(1);
    expect(retried.leftovers).toEqual([{ epoch: 1, task: 'task', endedAtMs: atMs }]);
    expect(retried.retries.platform).toBe(1);
    const again = transition(retried, EVENTS.claimed).after;
    expect(again.attempt).toEqual(anAttempt({ epoch: 2, claimedAtMs: atMs }));
  });

  it('keeps the first intent and the first cancellation', () => {
    const intended = transition(aRunningJob(), EVENTS.intended).after;
    expect(() => transition(intended, EVENTS.intended)).toThrow(IllegalTransition);
    const asked = aJob({ cancelRequestedAtMs: 5 });
    expect(transition(asked, EVENTS.cancelRequested).after.cancelRequestedAtMs).toBe(5);
  });

  it('notes the version at which a job ended, and lets projections only go forward', () => {
    const ended = transition(aRunningJob(), EVENTS.published).after;
    expect(isTerminal(ended.phase)).toBe(true);
    expect(ended.endedVersion).toBe(ended.version);
    expect(ended.result).toEqual({ epoch: 1, manifest });
    const projected = transition(ended, { type: 'projected', atVersion: ended.version }).after;
    expect(transition(projected, { type: 'projected', atVersion: 1 }).after.projectedVersion).toBe(ended.version);
  });

  it('makes changes that nobody can forge or alter', () => {
    const change = transition(aJob(), EVENTS.claimed);
    expect(Object.isFrozen(change)).toBe(true);
    expect(Object.isFrozen(change.after)).toBe(true);
    expect(() => assertChange({ ...change })).toThrow('only what transition() made');
  });
});
