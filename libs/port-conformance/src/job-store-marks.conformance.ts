import { expect, it } from '@jest/globals';
import type { JobId, JobRecord } from '@bpi/job-contract';
import { markOf, type JobStore } from '@bpi/jobs';
import { aManifest, EVENTS, jobIdOf, START_MS } from './builders.ts';
import { range, saved, stored, type JobStoreHarness } from './job-store-harness.ts';

/** More than one batch of any backend. */
const MANY_JOBS = 130;

/** What lets one watcher see every change of many jobs: another mark after each, whoever made it, and the same one until then. */
export function describeJobStoreMarks(harness: () => JobStoreHarness): void {
  it('are what markOf makes of the stored job, and another after every step, by whichever connection', async () => {
    const { store, second } = harness();
    const other = await second();
    let job: JobRecord = await stored(store, 1);
    const { jobId } = job;
    const seen = [await markIn(store, jobId)];
    const published = { type: 'published', manifest: aManifest(jobId), atMs: START_MS + 9 } as const;
    const events = [
      EVENTS.claimed,
      EVENTS.seen,
      EVENTS.started,
      EVENTS.retried,
      EVENTS.claimed,
      EVENTS.started,
      published,
    ];
    for (const [n, event] of events.entries()) {
      job = await saved(n % 2 === 0 ? store : other, job, event);
      seen.push(await markIn(store, jobId));
      expect(await markIn(other, jobId)).toBe(seen.at(-1));
    }
    expect(new Set(seen).size).toBe(events.length + 1);
  });

  it('change with progress, also with other progress of the same moment, and not with what was refused', async () => {
    const { store, second } = harness();
    const other = await second();
    const { jobId } = await saved(store, await stored(store, 1), EVENTS.claimed);
    const note = async (by: JobStore, fraction: number, step: string, atMs: number) =>
      by.recordProgress(jobId, 1, { fraction, step, atMs: START_MS + atMs });
    const seen = [await markIn(store, jobId)];
    expect(await note(store, 0.1, 'load', 10)).toBe(true);
    seen.push(await markIn(store, jobId));
    expect(await note(other, 0.1 + 0.2, 'load', 10)).toBe(true);
    seen.push(await markIn(store, jobId));
    expect(await note(other, 0.1 + 0.2, 'predict', 10)).toBe(true);
    seen.push(await markIn(store, jobId));
    expect(new Set(seen).size).toBe(seen.length);
    expect(await note(other, 0.9, 'predict', 5)).toBe(false);
    expect(await markIn(store, jobId)).toBe(seen.at(-1));
  });

  it('forget the progress of an attempt that is over, as get does', async () => {
    const { store } = harness();
    let job = await saved(store, await stored(store, 1), EVENTS.claimed);
    await store.recordProgress(job.jobId, 1, { fraction: 0.5, step: 'predict', atMs: START_MS + 10 });
    await markIn(store, job.jobId);
    job = await saved(store, job, EVENTS.retried);
    await markIn(store, job.jobId);
    await saved(store, job, EVENTS.claimed);
    await markIn(store, job.jobId);
  });

  it('are read for many jobs at once, an id given twice once, and those that are not stored left out', async () => {
    const { store } = harness();
    expect(await store.marks([])).toEqual(new Map());
    const jobs = [];
    for (const n of range(MANY_JOBS)) jobs.push(await stored(store, n + 1));
    const ids = jobs.map(({ jobId }) => jobId);
    const expected = new Map(jobs.map((job) => [job.jobId, markOf({ job, progress: null })]));
    expect(await store.marks([...ids, jobIdOf(999), jobIdOf(1), jobIdOf(999)])).toEqual(expected);
    expect(await store.marks(ids.slice(0, 2))).toEqual(new Map([...expected].slice(0, 2)));
    expect(await store.marks([jobIdOf(999)])).toEqual(new Map());
    const late = await stored(store, 999);
    expect(await store.marks([late.jobId])).toEqual(new Map([[late.jobId, markOf({ job: late, progress: null })]]));
  }, 60_000);
}

/** The mark that the store answers, which must be that of the job which it answers. */
async function markIn(store: JobStore, jobId: JobId): Promise<string> {
  const [mark, found] = [(await store.marks([jobId])).get(jobId), await store.get(jobId)];
  if (mark === undefined || found === null) throw new Error('the job is stored');
  expect(mark).toBe(markOf(found));
  return mark;
}
