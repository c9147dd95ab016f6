import { describe, expect, it } from '@jest/globals';
import { aJob, aLaunchingJob, anAttempt, aRunningJob, POLICY } from './a-job.ts';
import { dueLeftovers, isOrphan, stopOrphans, sweep, sweepJob, SWEEP_LIMITS } from './sweep.ts';
import type { AdvanceContext } from './advance.ts';
import type { JobRecord } from '@bpi/job-contract';

const NOW_MS = 50_000;
const clock = { nowMs: () => NOW_MS, monotonicMs: () => NOW_MS };
const ended = (phase: 'completed' | 'failed' | 'queued'): JobRecord =>
  aJob({ phase, attempt: anAttempt({ epoch: 2 }) });

describe('isOrphan', () => {
  it.each<[string, JobRecord | null, number, boolean]>([
    ['of the current attempt', aRunningJob({ epoch: 2 }), 2, false],
    ['of a launching attempt', aLaunchingJob({ epoch: 2 }), 2, false],
    ['of an older attempt', aRunningJob({ epoch: 2 }), 1, true],
    ['of a newer attempt than was read', aRunningJob({ epoch: 2 }), 3, false],
    ['of a queued job', ended('queued'), 2, true],
    ['of a newer attempt than a queued job had', ended('queued'), 3, false],
    ['of a completed job', ended('completed'), 2, true],
    ['of a failed job', ended('failed'), 1, true],
    ['without a job', null, 1, true],
  ])('a task %s', (_, job, epoch, expected) => {
    expect(isOrphan({ epoch }, job)).toBe(expected);
  });
});

/** Everything but what is given throws. */
function aContext(given: {
  store?: Partial<AdvanceContext['store']>;
  runner?: Partial<AdvanceContext['runner']>;
  log?: AdvanceContext['log'];
}): AdvanceContext {
  const unused = (): never => {
    throw new Error('not used here');
  };
  return {
    store: {
      get: unused,
      create: unused,
      save: unused,
      recordProgress: unused,
      marks: unused,
      listActive: unused,
      listExpiring: unused,
      list: unused,
      room: unused,
      countQueued: unused,
      hasClaim: unused,
      census: unused,
      ...given.store,
    },
    runner: {
      list: unused,
      stop: unused,
      definitionOf: () => null,
      launch: unused,
      inspect: unused,
      remove: unused,
      events: unused,
      ...given.runner,
    },
    queue: { send: unused, receive: unused, depth: unused },
    objects: {
      get: unused,
      put: unused,
      head: unused,
      list: unused,
      copy: unused,
      deletePrefix: unused,
      signDownload: unused,
      delete: unused,
    },
    clock,
    policy: POLICY,
    log: given.log ?? (() => {}),
  };
}

describe('sweepJob', () => {
  /** How often the sweep reads this job anew. */
  async function reads(job: JobRecord): Promise<number> {
    let count = 0;
    const get = async () => {
      count += 1;
      return null;
    };
    await sweepJob(aContext({ store: { get } }), job, new Map(), { jobs: 0, woken: 0, orphans: 0, oldestQueuedMs: 0 });
    return count;
  }

  it('looks at a job that is over only while its result is not shown', async () => {
    const over = aJob({ phase: 'completed', attempt: anAttempt(), endedVersion: 4 });
    expect(await reads(aRunningJob())).toBe(1);
    expect(await reads({ ...over, projectedVersion: 0 })).toBe(1);
    expect(await reads({ ...over, projectedVersion: 4 })).toBe(0);
  });
});

describe('sweepJob, about a job that waits,', () => {
  it.each([
    ['for its turn', aJob({ createdAtMs: 10_000 }), NOW_MS - 10_000],
    ['for a machine', waiting(true), NOW_MS - 20_000],
    ['for its task only', waiting(false), 0],
    ['no longer', { ...aRunningJob(), createdAtMs: 20_000 }, 0],
  ])('%s says for how long', async (_, job, expected) => {
    const swept = { jobs: 0, woken: 0, orphans: 0, oldestQueuedMs: 0 };
    const store = { get: async () => null, room: async () => ({ slots: 1, free: 0 }) };
    await sweepJob(aContext({ store }), job, new Map(), swept);
    expect(swept.oldestQueuedMs).toBe(expected);
  });

  function waiting(waitsForCapacity: boolean): JobRecord {
    return { ...aLaunchingJob({ waitsForCapacity }), createdAtMs: 20_000 };
  }
});

describe('sweep', () => {
  const { signal } = new AbortController();
  const over = aJob({ phase: 'completed', attempt: anAttempt(), endedVersion: 4, projectedVersion: 4 });

  it('begins where the last one ended when it could not look at all jobs, and then at the oldest again', async () => {
    const jobs = SWEEP_LIMITS.pageJobs * SWEEP_LIMITS.pagesMax + 3;
    const context = aContext({
      store: {
        listActive: async ({ limit, after }) => {
          const first = (after?.createdAtMs ?? 0) + 1;
          const count = Math.min(limit, jobs - first + 1);
          return Array.from({ length: count }, (_, n) => ({ ...over, createdAtMs: first + n }));
        },
      },
      runner: { list: async () => [] },
    });
    let looked = 0;
    const onJob = () => {
      looked += 1;
    };
    const first = await sweep(context, { after: null, signal, onJob });
    expect(first).toMatchObject({ jobs: jobs - 3, next: { createdAtMs: jobs - 3, jobId: over.jobId } });
    const second = await sweep(context, { after: first.next, signal, onJob });
    expect(second).toMatchObject({ jobs: 3, next: null });
    expect(looked).toBe(jobs);
  });

  it('sweeps the jobs although the tasks cannot be listed', async () => {
    const logged: unknown[] = [];
    const context = aContext({
      store: { listActive: async () => [over] },
      log: (event, fields) => logged.push({ event, ...fields }),
    });
    expect(await sweep(context, { after: null, signal })).toEqual({
      jobs: 1,
      woken: 0,
      orphans: 0,
      oldestQueuedMs: 0,
      next: null,
    });
    expect(logged).toEqual([expect.objectContaining({ event: 'loop.failed', loop: 'orphans', errorName: 'error' })]);
  });
});

describe('stopOrphans', () => {
  /** How the one listed task of attempt 1 is stopped. */
  async function stopped(job: JobRecord | null, stubbornTasks = 0): Promise<string[]> {
    const modes: string[] = [];
    let stubborn = stubbornTasks;
    const task = { jobId: aJob().jobId, epoch: 1, ref: 'task', live: true };
    const context = aContext({
      store: { get: async () => (job === null ? null : { job, progress: null }) },
      runner: {
        list: async () => [...Array.from({ length: stubbornTasks }, () => task), task, { ...task, live: false }],
        stop: async (_, mode) => {
          if (stubborn-- > 0) throw new Error('this task cannot be stopped');
          modes.push(mode);
        },
      },
    });
    expect(await stopOrphans(context)).toBe(modes.length);
    return modes;
  }

  const leftover = (endedAtMs: number): JobRecord =>
    aJob({ phase: 'failed', attempt: anAttempt(), leftovers: [{ epoch: 1, task: 'task', endedAtMs }] });

  it('asks at first, and stops harder once the attempt is over for longer than a stop may take', async () => {
    expect(await stopped(leftover(NOW_MS - POLICY.stopEscalationMs + 1))).toEqual(['ask']);
    expect(await stopped(leftover(NOW_MS - POLICY.stopEscalationMs))).toEqual(['force']);
    expect(await stopped(aJob({ phase: 'failed', attempt: anAttempt() }))).toEqual(['force']);
  });

  it('only asks a task whose job is unknown, and leaves the current one alone', async () => {
    expect(await stopped(null)).toEqual(['ask']);
    expect(await stopped(aRunningJob())).toEqual([]);
  });

  it('is not held up by a task that cannot be stopped', async () => {
    expect(await stopped(null, 1)).toEqual(['ask']);
  });
});

describe('dueLeftovers', () => {
  it('keeps a stopped task until no launch can be looking for it', () => {
    const early = { epoch: 1, task: 'a', endedAtMs: NOW_MS - POLICY.taskKeptMs };
    const late = { epoch: 2, task: 'b', endedAtMs: NOW_MS - POLICY.taskKeptMs + 1 };
    expect(dueLeftovers({ clock, policy: POLICY }, aJob({ leftovers: [early, late] }))).toEqual([early]);
  });
});
