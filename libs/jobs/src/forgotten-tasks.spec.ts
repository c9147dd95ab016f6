import type { JobId, JobRecord } from '@bpi/job-contract';
import { describe, expect, it } from '@jest/globals';
import { aJob, aLaunchingJob, anAttempt, aRunningJob, JOB_ID } from './a-job.ts';
import { removeForgottenTasks } from './forgotten-tasks.ts';
import type { ListedTask } from './ports/task-runner.ts';

const OTHER_ID = '1b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203' as JobId; // a literal of the form
const leftover = { epoch: 1, task: 'task', endedAtMs: 30_000 };
const completed = (change: Partial<JobRecord> = {}) =>
  aJob({ phase: 'completed', attempt: anAttempt({ epoch: 2 }), ...change });
const stopped = (epoch: number, jobId = JOB_ID): ListedTask => ({ jobId, epoch, ref: `task-${epoch}`, live: false });

/** Which of the listed tasks were removed, `jobId epoch`, and the jobs that failed. */
async function clean(listed: ListedTask[], job: JobRecord | null, unreadable: JobId | null = null) {
  const removed: string[] = [];
  const failed: unknown[] = [];
  const unused = (): never => {
    throw new Error('not used here');
  };
  const count = await removeForgottenTasks({
    runner: {
      list: async () => listed,
      remove: async ({ jobId, epoch }) => void removed.push(`${jobId} ${epoch}`),
      definitionOf: unused,
      launch: unused,
      inspect: unused,
      stop: unused,
      events: unused,
    },
    store: {
      get: async (jobId) => {
        if (jobId === unreadable) throw new Error('this record cannot be read');
        return job === null ? null : { job, progress: null };
      },
      marks: unused,
      create: unused,
      save: unused,
      recordProgress: unused,
      listActive: unused,
      listExpiring: unused,
      list: unused,
      room: unused,
      countQueued: unused,
      hasClaim: unused,
      census: unused,
    },
    log: (event, fields) => {
      if (event === 'cleanup.failed') failed.push(Object.entries(fields ?? {}).find(([name]) => name === 'jobId')?.[1]);
    },
  });
  expect(count).toBe(removed.length);
  return { removed, failed };
}

describe('removeForgottenTasks', () => {
  it.each<[string, JobRecord | null, number, 'removed' | 'kept']>([
    ['of an attempt that the record has done with', completed(), 1, 'removed'],
    ['of the last attempt, whose leftovers are gone', completed(), 2, 'removed'],
    ['that the sweep will remove in its time', completed({ leftovers: [leftover] }), 1, 'kept'],
    ['of an older attempt than the one in flight', aRunningJob({ epoch: 2 }), 1, 'removed'],
    ['of the attempt in flight, whose report is still to be read', aRunningJob({ epoch: 2 }), 2, 'kept'],
    ['of an attempt that was just claimed', aLaunchingJob({ epoch: 1 }), 1, 'kept'],
    ['of a newer attempt than was read', aRunningJob({ epoch: 2 }), 3, 'kept'],
    ['without a job', null, 1, 'removed'],
  ])('a stopped task %s', async (_, job, epoch, expected) => {
    const { removed } = await clean([stopped(epoch)], job);
    expect(removed).toEqual(expected === 'removed' ? [`${JOB_ID} ${epoch}`] : []);
  });

  it('never touches a live task', async () => {
    expect((await clean([{ ...stopped(1), live: true }], null)).removed).toEqual([]);
  });

  it('goes on behind a task whose job cannot be read', async () => {
    const { removed, failed } = await clean([stopped(1, OTHER_ID), stopped(1)], null, OTHER_ID);
    expect({ removed, failed }).toEqual({ removed: [`${JOB_ID} 1`], failed: [OTHER_ID] });
  });
});
