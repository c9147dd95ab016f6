import { DEFAULT_RETENTION, PHASES, type FileClass, type JobRecord } from '@bpi/job-contract';
import { describe, expect, it } from '@jest/globals';
import { aJob, anAttempt, POLICY } from './a-job.ts';
import { decide } from './decide.ts';
import { dueAtMs, dueFiles, expiryOf, isExpired, isGone, isResultPast } from './expiry.ts';
import { isActive } from './new-job.ts';
import { IllegalTransition, transition } from './transition.ts';

const ENDED_MS = 20_000;
const retention = { inputMs: 100, resultMs: 300, logsMs: 200, recordMs: 400 };
const deployment = { inputMs: 1, resultMs: 3, logsMs: 2, recordMs: 4 };
const leftover = { epoch: 1, task: 'task', endedAtMs: ENDED_MS };
const deletion = { requestedAtMs: 1, erasedAtMs: 2, doneAtMs: 3 };

function anEndedJob(change: Partial<JobRecord> = {}): JobRecord {
  const over = { phase: 'completed', attempt: anAttempt(), endedAtMs: ENDED_MS } as const;
  return aJob({ ...over, version: 6, endedVersion: 5, projectedVersion: 5, retention, ...change });
}

describe('what is kept of a job', () => {
  it('has times from its end on, those that were promised, whatever the deployment says now', () => {
    expect(expiryOf(aJob({ retention }), deployment)).toBeNull();
    expect(expiryOf(anEndedJob(), deployment)).toEqual({ input: 20_100, result: 20_300, logs: 20_200, record: 20_400 });
    expect(expiryOf(anEndedJob({ retention: null }), deployment)).toMatchObject({ input: 20_001, record: 20_004 });
  });

  it.each([
    ['input', 20_100],
    ['logs', 20_200],
    ['result', 20_300],
    ['record', 20_400],
  ] as const)('is past its time from the very moment on: %s', (kept, atMs) => {
    expect(isExpired(anEndedJob(), kept, { nowMs: atMs - 1, deployment })).toBe(false);
    expect(isExpired(anEndedJob(), kept, { nowMs: atMs, deployment })).toBe(true);
    expect(isGone(anEndedJob(), { nowMs: atMs, deployment })).toBe(kept === 'record');
  });

  it('never is before the job is over, and not at all once it is deleted', () => {
    for (const phase of ['queued', 'launching', 'running'] as const) {
      const job = aJob({ phase, retention });
      expect([isExpired(job, 'input', { nowMs: Infinity, deployment }), dueAtMs(job)]).toEqual([false, null]);
    }
    expect(dueAtMs(anEndedJob({ deletion }))).toBeNull();
    expect(isGone(anEndedJob({ deletion }), { nowMs: 0, deployment })).toBe(true);
  });
});

describe('what is due', () => {
  it.each<[string, FileClass[], number]>([
    ['the input first', [], 20_100],
    ['then the logs', ['input'], 20_200],
    ['then the result', ['input', 'logs'], 20_300],
    ['the record last', ['input', 'logs', 'result'], 20_400],
  ])('is %s', (_, expired, atMs) => {
    expect(dueAtMs(anEndedJob({ expired }))).toBe(atMs);
  });

  it('is what is past its time and was not removed yet', () => {
    expect(dueFiles(anEndedJob(), 20_099)).toEqual([]);
    expect(dueFiles(anEndedJob(), 20_200)).toEqual(['input', 'logs']);
    expect(dueFiles(anEndedJob({ expired: ['input'] }), 20_400)).toEqual(['result', 'logs']);
  });

  it.each<[string, Partial<JobRecord>]>([
    ['has a stopped task that was not removed', { leftovers: [leftover] }],
    ['has to be shown', { projectedVersion: 0 }],
    ['is being deleted', { deletion: { ...deletion, doneAtMs: null } }],
  ])('is nothing of a job that %s', (_, change) => {
    const job = anEndedJob(change);
    expect([isActive(job), dueAtMs(job)]).toEqual([true, null]);
  });

  it('is a job without a promise at once, to be given one', () => {
    const job = anEndedJob({ retention: null });
    expect([dueAtMs(job), dueFiles(job, Infinity)]).toEqual([ENDED_MS, []]);
    const promised = transition(job, { type: 'retentionPromised', retention }).after;
    expect([promised.retention, dueAtMs(promised)]).toEqual([retention, 20_100]);
  });

  it('is what a new job was promised when it was made', () => {
    expect(aJob().retention).toBeNull();
    const ended = transition(aJob({ retention }), { type: 'failed', code: 'cancelled', atMs: ENDED_MS }).after;
    const shown = transition(ended, { type: 'projected', atVersion: ended.version }).after;
    expect(dueAtMs(shown)).toBe(20_100);
  });
});

describe('transition, about what expires,', () => {
  const expired = (files: FileClass[], atMs: number) => ({ type: 'expired', files, atMs }) as const;

  it('notes what was removed, and leaves the rest as it is', () => {
    const job = anEndedJob({ expired: ['input'] });
    const { after, slot } = transition(job, expired(['logs'], 20_250));
    expect(after).toEqual({ ...job, version: 7, expired: ['input', 'logs'] });
    expect(slot).toBe('keep');
  });

  it('refuses to note anything before its promised time, or twice', () => {
    const refused: [JobRecord, FileClass[], number][] = [
      [anEndedJob(), ['input'], 20_099],
      [anEndedJob(), ['input', 'result'], 20_200],
      [anEndedJob({ expired: ['input'] }), ['input'], 20_400],
      [anEndedJob({ retention: null }), ['input'], 20_400],
      [anEndedJob({ leftovers: [leftover] }), ['input'], 20_400],
      [anEndedJob({ projectedVersion: 0 }), ['input'], 20_400],
      [anEndedJob({ deletion }), ['input'], 20_400],
    ];
    for (const [job, files, atMs] of refused) {
      expect(() => transition(job, expired(files, atMs))).toThrow(IllegalTransition);
    }
  });

  it('promises once, and only about a job that is over', () => {
    const event = { type: 'retentionPromised', retention: DEFAULT_RETENTION } as const;
    expect(() => transition(anEndedJob(), event)).toThrow(IllegalTransition);
    expect(() => transition(anEndedJob({ retention: null, deletion }), event)).toThrow(IllegalTransition);
    for (const phase of PHASES.filter((name) => name !== 'completed' && name !== 'failed')) {
      expect(() => transition(aJob({ phase }), event)).toThrow(IllegalTransition);
    }
  });

  it('makes an expired record what a deleted one is', () => {
    const job = anEndedJob({ externalJobId: 'Mustermann', expired: ['input'] });
    const asked = transition(job, { type: 'deleteRequested', atMs: 20_400 }).after;
    expect(JSON.stringify(asked)).not.toContain('Mustermann');
    const sight = { observation: null, report: null };
    expect(decide(asked, sight, 20_400, POLICY)).toEqual({ step: 'erase', then: 'deleted' });
    const done = transition(asked, { type: 'deleted', atMs: 20_401 }).after;
    expect([isActive(done), dueAtMs(done)]).toEqual([false, null]);
  });
});

describe('a result that could not be shown until its time was over', () => {
  it('is past, if anything was promised', () => {
    const job = anEndedJob({ projectedVersion: 0 });
    expect([isResultPast(job, 20_299), isResultPast(job, 20_300)]).toEqual([false, true]);
    expect(isResultPast({ ...job, retention: null }, Infinity)).toBe(false);
  });
});
