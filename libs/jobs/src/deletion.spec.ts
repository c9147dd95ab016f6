import { jobPrefix, PHASES, type JobRecord, type Manifest } from '@bpi/job-contract';
import { describe, expect, it } from '@jest/globals';
import { aJob, aLaunchingJob, anAttempt, aRunningJob, JOB_ID, POLICY } from './a-job.ts';
import { advance, type AdvanceContext } from './advance.ts';
import { cancelJob } from './cancel.ts';
import { decide } from './decide.ts';
import { deleteJob } from './delete.ts';
import { isActive, projectionDue } from './new-job.ts';
import { ObjectNotFound } from './ports/object-store.ts';
import type { Observation } from './ports/task-runner.ts';
import { removeLeftovers, sweepJob } from './sweep.ts';
import { IllegalTransition, transition } from './transition.ts';

const NOW_MS = 50_000;
const ASKED = { type: 'deleteRequested', atMs: NOW_MS } as const;
const asked = { requestedAtMs: 40_000, erasedAtMs: null, doneAtMs: null };
const leftover = { epoch: 1, task: 'task', endedAtMs: 30_000 };
const manifest: Manifest = [
  { name: 'preview.png', key: 'k', bytes: 1, sha256: '1'.repeat(64), media_type: 'image/png' },
];

const waits = { step: 'wait', note: null, untilMs: null } as const;
const failed = { step: 'fail', code: 'cancelled' } as const;

function aCompletedJob(change: Partial<JobRecord> = {}): JobRecord {
  const result = { epoch: 1, manifest };
  return aJob({ phase: 'completed', attempt: anAttempt(), endedVersion: 5, version: 5, result, ...change });
}

function inEveryPhase(change: Partial<JobRecord>): JobRecord[] {
  return PHASES.map((phase) => ({ ...aRunningJob({}, change), phase }));
}

describe('the wish to delete a job', () => {
  it('is noted in every phase, cancels what is not over, and drops the words of the client', () => {
    for (const job of inEveryPhase({ externalJobId: 'Mustermann' })) {
      const { after } = transition(job, ASKED);
      expect(after.deletion).toEqual({ requestedAtMs: NOW_MS, erasedAtMs: null, doneAtMs: null });
      expect(after.phase).toBe(job.phase);
      expect(after.cancelRequestedAtMs).toBe(['completed', 'failed'].includes(job.phase) ? null : NOW_MS);
      expect(JSON.stringify(after)).not.toContain('Mustermann');
      expect(isActive(after)).toBe(true);
    }
  });

  it('keeps its first time and an earlier cancellation when it is repeated', () => {
    const job = aRunningJob({}, { deletion: asked, cancelRequestedAtMs: 39_000 });
    expect(transition(job, ASKED).after).toMatchObject({ deletion: asked, cancelRequestedAtMs: 39_000 });
  });
});

describe('a deletion', () => {
  it('is erased, and done, only where it was asked, the job is over, and it was not done before', () => {
    const done = { ...asked, erasedAtMs: 1, doneAtMs: 2 };
    const refused = [
      ...inEveryPhase({ deletion: null }),
      ...inEveryPhase({ deletion: asked }).filter(({ phase }) => !['completed', 'failed'].includes(phase)),
      ...inEveryPhase({ deletion: done }),
    ];
    for (const job of refused) {
      for (const type of ['erased', 'deleted'] as const)
        expect(() => transition(job, { type, atMs: NOW_MS })).toThrow(IllegalTransition);
    }
  });

  it('is done only after the last stopped task was removed', () => {
    const job = aCompletedJob({ deletion: asked, leftovers: [leftover] });
    expect(() => transition(job, { type: 'deleted', atMs: NOW_MS })).toThrow(IllegalTransition);
    const erased = transition(job, { type: 'erased', atMs: NOW_MS }).after;
    expect(erased.deletion).toEqual({ ...asked, erasedAtMs: NOW_MS });
    const bare = transition(erased, { type: 'leftoversRemoved', epochs: [1] }).after;
    expect(isActive(bare)).toBe(true);
    const done = transition(bare, { type: 'deleted', atMs: NOW_MS + 1 }).after;
    expect(done.deletion).toEqual({ ...asked, erasedAtMs: NOW_MS, doneAtMs: NOW_MS + 1 });
    expect(isActive(done)).toBe(false);
  });

  it('is never followed by a projection', () => {
    const job = aCompletedJob({ deletion: asked });
    expect(projectionDue({ ...job, deletion: null })).toBe(true);
    expect(projectionDue(job)).toBe(false);
    expect(() => transition(job, { type: 'projected', atVersion: 5 })).toThrow(IllegalTransition);
  });
});

describe('decide about a deletion', () => {
  const gone: Observation = { state: 'stopped', ref: 'task', cause: 'exited', exitCode: 0 };
  const step = (job: JobRecord, observation: Observation | null = null) =>
    decide(job, { observation, report: null }, NOW_MS, POLICY);
  const erased = { ...asked, erasedAtMs: 41_000 };

  it.each<[string, JobRecord, ReturnType<typeof decide>]>([
    ['erases at once when the job is over', aCompletedJob({ deletion: asked, leftovers: [leftover] }), erase('erased')],
    ['waits for its tasks to be removed', aCompletedJob({ deletion: erased, leftovers: [leftover] }), waits],
    ['erases again after that', aCompletedJob({ deletion: erased }), erase('deleted')],
    ['erases once where there is no task', aJob({ phase: 'failed', deletion: asked }), erase('deleted')],
    ['has no more to do when it is done', aCompletedJob({ deletion: { ...erased, doneAtMs: 42_000 } }), waits],
    ['shows the result of a job that is kept', aCompletedJob(), { step: 'project' }],
    ['fails a queued job first', aJob({ deletion: asked, cancelRequestedAtMs: 40_000 }), failed],
  ])('%s', (_, job, expected) => {
    expect(step(job)).toEqual(expected);
  });

  it('ends the attempt like a cancellation before anything is erased', () => {
    const job = transition(aRunningJob(), ASKED).after;
    expect(step(job, { state: 'running', ref: 'task' })).toEqual({ step: 'intend', code: 'cancelled' });
    expect(step(job, gone)).toEqual(failed);
    expect(step(transition(aLaunchingJob(), ASKED).after, { state: 'missing' })).toMatchObject({ step: 'intend' });
  });
});

function erase(then: 'erased' | 'deleted') {
  return { step: 'erase', then } as const;
}

/** One stored job, and what was done in order. `fail` makes calls of that name throw once. */
function aBench(stored: JobRecord, fail: string[] = []) {
  const done: string[] = [];
  const note = (what: string) => {
    if (fail.includes(what)) {
      fail.splice(fail.indexOf(what), 1);
      throw new Error(`simulated: ${what}`);
    }
    done.push(what);
  };
  const unused = (): never => {
    throw new Error('not used here');
  };
  const bench = { job: stored, nowMs: NOW_MS, done };
  const context: AdvanceContext = {
    store: {
      get: async () => ({ job: bench.job, progress: null }),
      save: async ({ before, after, event }) => {
        if (before.version !== bench.job.version) return 'stale';
        note(event);
        bench.job = after;
        return 'saved';
      },
      create: unused,
      recordProgress: unused,
      listActive: unused,
      marks: unused,
      listExpiring: unused,
      list: unused,
      room: unused,
      countQueued: unused,
      hasClaim: unused,
      census: unused,
    },
    runner: {
      remove: async () => note('remove'),
      inspect: async () => ({ state: 'stopped', ref: 'task', cause: 'stop_requested', exitCode: null }),
      list: unused,
      stop: unused,
      definitionOf: () => null,
      launch: unused,
      events: unused,
    },
    queue: { send: async () => note('send'), receive: unused, depth: unused },
    objects: {
      deletePrefix: async (prefix) => {
        expect(prefix).toBe(jobPrefix(JOB_ID));
        note('erase');
      },
      copy: async () => note('copy'),
      get: async () => Promise.reject(new ObjectNotFound()), // no report
      put: unused,
      head: unused,
      list: unused,
      signDownload: unused,
      delete: unused,
    },
    clock: { nowMs: () => bench.nowMs, monotonicMs: () => bench.nowMs },
    policy: POLICY,
    log: () => {},
  };
  const swept = { jobs: 0, woken: 0, orphans: 0, oldestQueuedMs: 0 };
  return { bench, context, sweep: () => sweepJob(context, bench.job, new Map(), swept) };
}

describe('advance, about a job that is deleted while it runs,', () => {
  const running = transition(aRunningJob(), ASKED).after;

  it('ends it, erases at once, and once more after its task was removed', async () => {
    const { bench, context, sweep } = aBench(running);
    await advance(context, JOB_ID);
    expect(bench.done).toEqual(['failed', 'erase', 'erased']);
    await sweep();
    expect(bench.done).toHaveLength(3); // a late launch may still look for the task
    bench.nowMs += POLICY.taskKeptMs;
    await sweep();
    await sweep();
    await sweep();
    expect(bench.done.slice(3)).toEqual(['remove', 'leftoversRemoved', 'erase', 'deleted']);
    expect(isActive(bench.job)).toBe(false);
  });

  it.each(['failed', 'erase', 'erased', 'remove', 'leftoversRemoved', 'deleted'])(
    'comes to the same end when it is cut off before %s',
    async (point) => {
      const { bench, context, sweep } = aBench(running, [point]);
      await advance(context, JOB_ID).catch(() => null);
      for (let round = 0; round < 3; round += 1) await sweep();
      bench.nowMs += POLICY.taskKeptMs;
      for (let round = 0; round < 4; round += 1) await sweep();
      expect(bench.job.deletion?.doneAtMs).toBe(NOW_MS + POLICY.taskKeptMs);
      expect(bench.done.slice(-2)).toEqual(['erase', 'deleted']);
      expect(bench.done.lastIndexOf('remove')).toBeLessThan(bench.done.lastIndexOf('erase'));
    },
  );
});

describe('advance, about a job that is deleted after its end,', () => {
  it('shows nothing, erases, and is done at once when no task is left', async () => {
    const { bench, context } = aBench(aCompletedJob({ deletion: asked }));
    expect(await advance(context, JOB_ID)).toEqual({ kind: 'done' });
    expect(bench.done).toEqual(['erase', 'deleted']);
    await advance(context, JOB_ID);
    expect(bench.done).toHaveLength(2);
  });

  it('does not note what somebody else noted meanwhile', async () => {
    const { bench, context } = aBench(aCompletedJob({ deletion: asked, leftovers: [leftover] }));
    const { objects } = context;
    const deletePrefix: typeof objects.deletePrefix = async () => {
      bench.job = { ...bench.job, version: bench.job.version + 1 };
    };
    expect(await advance({ ...context, objects: { ...objects, deletePrefix } }, JOB_ID)).toEqual({ kind: 'stale' });
  });

  it('removes leftovers of a tombstone no second time', async () => {
    const { bench, context } = aBench(aCompletedJob({ deletion: { ...asked, erasedAtMs: 1, doneAtMs: 2 } }));
    await removeLeftovers(context, JOB_ID, bench.job.leftovers);
    expect(bench.done).toEqual([]);
  });
});

describe('deleteJob and cancelJob', () => {
  const ask = { jobId: JOB_ID, clientId: 'client', nowMs: NOW_MS };

  it('notes the wish, wakes the worker once, and may be repeated', async () => {
    const { bench, context } = aBench(aRunningJob());
    for (let round = 0; round < 2; round += 1) {
      expect(await deleteJob(context, ask)).toMatchObject({ kind: 'requested', job: { jobId: JOB_ID } });
    }
    expect(bench.done).toEqual(['deleteRequested', 'send']);
  });

  it('starts over when the job got on', async () => {
    const { bench, context } = aBench(aRunningJob());
    const { store } = context;
    let reads = 0;
    const get: typeof store.get = async () => {
      reads += 1;
      const job = bench.job;
      if (reads === 1) bench.job = { ...job, version: job.version + 1 };
      return { job, progress: null };
    };
    expect(await deleteJob({ ...context, store: { ...store, get } }, ask)).toMatchObject({ kind: 'requested' });
    expect(reads).toBe(2);
  });

  it('finds no job of somebody else, and cancels none that is gone', async () => {
    const { bench, context } = aBench(aRunningJob());
    expect(await deleteJob(context, { ...ask, clientId: 'other' })).toEqual({ kind: 'not_found' });
    expect(bench.done).toEqual([]);
    await deleteJob(context, ask);
    expect(await cancelJob(context, ask)).toEqual({ kind: 'gone' });
    expect(await cancelJob(context, { ...ask, clientId: 'other' })).toEqual({ kind: 'not_found' });
  });
});
