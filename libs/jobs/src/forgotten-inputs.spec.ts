import { describe, expect, it } from '@jest/globals';
import { inputKey, jobFileKey, type JobId } from '@bpi/job-contract';
import { aJob } from './a-job.ts';
import { CLEAN_LIMITS, removeForgottenInputs } from './forgotten-inputs.ts';

const NOW_MS = 10 * CLEAN_LIMITS.inputAgeMs;
const OLD_MS = NOW_MS - CLEAN_LIMITS.inputAgeMs;

const idOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as JobId; // a literal of the form

type Given = {
  jobs: number;
  modifiedAtMs?: number;
  /** Jobs with a record, and those whose record cannot be read. */
  stored?: readonly number[];
  broken?: readonly number[];
  /** Of the stored ones: those whose deletion is done, and those whose is not. */
  deleted?: readonly number[];
  deleting?: readonly number[];
};

/** Passes over inputs of so many jobs, two keys each; what was looked up and removed, and the rounds. */
function aPass({ jobs, modifiedAtMs = OLD_MS, stored = [], broken = [], deleted = [], deleting = [] }: Given) {
  const has = (numbers: readonly number[], jobId: JobId) => numbers.some((n) => idOf(n) === jobId);
  const deletionOf = (jobId: JobId) => {
    const doneAtMs = has(deleted, jobId) ? 2 : null;
    return doneAtMs !== null || has(deleting, jobId) ? { requestedAtMs: 1, erasedAtMs: 1, doneAtMs } : null;
  };
  const asked: JobId[] = [];
  const removed: string[] = [];
  const failed: unknown[] = [];
  let listed = 0;
  const unused = (): never => {
    throw new Error('not used here');
  };
  const pass = removeForgottenInputs({
    objects: {
      get: unused,
      put: unused,
      head: unused,
      copy: unused,
      signDownload: unused,
      delete: unused,
      deletePrefix: async (prefix) => void removed.push(prefix),
      list: async function* () {
        for (let n = 1; n <= jobs; n += 1) {
          listed = n;
          for (const key of [inputKey(idOf(n)), jobFileKey(idOf(n))]) yield { key, bytes: 1, modifiedAtMs };
        }
        yield { key: 'jobs/readme', bytes: 1, modifiedAtMs };
      },
    },
    store: {
      create: unused,
      save: unused,
      recordProgress: unused,
      listActive: unused,
      marks: unused,
      listExpiring: unused,
      list: unused,
      room: unused,
      countQueued: unused,
      hasClaim: unused,
      census: unused,
      get: async (jobId) => {
        asked.push(jobId);
        if (has(broken, jobId)) throw new Error('this record cannot be read');
        const deletion = deletionOf(jobId);
        return has(stored, jobId) ? { job: aJob({ jobId, deletion }), progress: null } : null;
      },
    },
    clock: { nowMs: () => NOW_MS, monotonicMs: () => NOW_MS },
    log: (event, fields) => {
      if (event === 'cleanup.failed') failed.push(Object.entries(fields ?? {}).find(([name]) => name === 'jobId')?.[1]);
    },
  });
  return { pass, asked, removed, failed, listed: () => listed };
}

describe('removeForgottenInputs', () => {
  it('removes old inputs without a record, and nothing else', async () => {
    const { pass, removed } = aPass({ jobs: 3, stored: [2] });
    expect(await pass.next()).toEqual({ done: false, value: { jobs: 3, removed: 2 } });
    expect((await pass.next()).done).toBe(true);
    expect(removed).toEqual([1, 3].map((n) => `jobs/${idOf(n)}/`));
  });

  it('removes what appeared of a job after its deletion was done, and nothing before that', async () => {
    const { pass, removed } = aPass({ jobs: 3, stored: [1, 2, 3], deleted: [2], deleting: [3] });
    expect(await pass.next()).toEqual({ done: false, value: { jobs: 3, removed: 1 } });
    expect(removed).toEqual([`jobs/${idOf(2)}/`]);
  });

  it('does not even ask for a job whose input may be on its way to a record', async () => {
    const { pass, asked } = aPass({ jobs: 3, modifiedAtMs: OLD_MS + 1 });
    expect(await pass.next()).toEqual({ done: false, value: { jobs: 3, removed: 0 } });
    expect(asked).toEqual([]);
  });

  it('stands still after each round, and goes on where it was', async () => {
    const { jobsPerRound } = CLEAN_LIMITS;
    const { pass, asked, listed } = aPass({ jobs: 2 * jobsPerRound + 1 });
    for (const jobs of [jobsPerRound, 2 * jobsPerRound, 2 * jobsPerRound + 1]) {
      await pass.next();
      expect({ asked: asked.length, listed: listed() }).toEqual({ asked: jobs, listed: jobs });
    }
    expect(new Set(asked).size).toBe(2 * jobsPerRound + 1);
  });

  it('leaves a job whose record cannot be read, and goes on with the others', async () => {
    const { pass, removed, failed } = aPass({ jobs: 3, broken: [2] });
    expect(await pass.next()).toEqual({ done: false, value: { jobs: 3, removed: 2 } });
    expect(removed).not.toContain(`jobs/${idOf(2)}/`);
    expect(failed).toEqual([idOf(2)]);
  });

  it('gives up when it is not this or that job', async () => {
    const jobs = CLEAN_LIMITS.failuresPerRoundMax + 5;
    const { pass, asked } = aPass({ jobs, broken: Array.from({ length: jobs }, (_, n) => n + 1) });
    await expect(pass.next()).rejects.toThrow('cannot be read');
    expect(asked).toHaveLength(CLEAN_LIMITS.failuresPerRoundMax + 1);
  });
});
