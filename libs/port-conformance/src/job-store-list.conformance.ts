import { expect, it } from '@jest/globals';
import { LIMITS, type JobRecord } from '@bpi/job-contract';
import type { JobPage, JobStore, ListAsk, NewJob } from '@bpi/jobs';
import { aJob, aManifest, EVENTS, jobIdOf, START_MS } from './builders.ts';
import { range, saved, type JobStoreHarness } from './job-store-harness.ts';

const PAGES_MAX = 20;

export function describeJobStoreList(harness: () => JobStoreHarness): void {
  it('lists a client’s jobs, the newest first, ties by id, in pages that name each once', async () => {
    const { store, second } = harness();
    const ages = [5, 3, 3, 9, 1];
    for (const [n, age] of ages.entries()) await listed(store, n + 1, { nowMs: START_MS + age });
    await listed(store, 9, { clientId: 'other-clinic' });
    const pages = await pagesOf(await second(), { clientId: 'clinic', limit: 2 });
    expect(idsOf(pages)).toEqual([4, 1, 3, 2, 5].map(jobIdOf));
    expect(idsOf([await store.list({ clientId: 'nobody', limit: 2 })])).toEqual([]);
  });

  it('does not tell a client from one whose name begins alike', async () => {
    const { store } = harness();
    await listed(store, 1, { clientId: 'clinic-b' });
    expect(await store.list({ clientId: 'clinic', limit: 5 })).toEqual({ jobs: [], next: null });
  });

  it('shows a job with its progress, as it is now, right after it was stored', async () => {
    const { store, second } = harness();
    const job = await listed(store, 1);
    const other = await second();
    expect(await other.list({ clientId: 'clinic', limit: 1 })).toMatchObject({ jobs: [{ job, progress: null }] });
    const claimed = await saved(store, job, EVENTS.claimed);
    const progress = { fraction: 0.5, step: 'predict', atMs: START_MS + 10 };
    await store.recordProgress(job.jobId, 1, progress);
    expect((await other.list({ clientId: 'clinic', limit: 1 })).jobs).toEqual([{ job: claimed, progress }]);
  });

  it('goes on where a page ended, whatever came meanwhile', async () => {
    const { store } = harness();
    for (const n of range(4)) await listed(store, n + 1, { nowMs: START_MS + n });
    const first = await store.list({ clientId: 'clinic', limit: 2 });
    await listed(store, 9, { nowMs: START_MS + 9 });
    if (first.next === null) throw new Error('two of four jobs cannot be all');
    const second = await store.list({ clientId: 'clinic', limit: 2, before: first.next });
    expect(idsOf([first, second])).toEqual([4, 3, 2, 1].map(jobIdOf));
  });

  it.each<[string, Partial<ListAsk>, number[]]>([
    ['the status', { status: 'pending' }, [5, 1]],
    ['the status running, also of a job whose retry waits', { status: 'running' }, [4]],
    ['the status of the end', { status: 'completed' }, [3]],
    ['the model', { model: 'other-model' }, [5, 2]],
    ['its own id', { externalJobId: 'scan 7' }, [4, 2]],
    ['all of them', { status: 'failed', model: 'other-model', externalJobId: 'scan 7' }, [2]],
    ['what none has', { status: 'completed', externalJobId: 'scan 7' }, []],
  ])('finds by %s', async (_, condition, expected) => {
    const { store } = harness();
    await manyKinds(store);
    const pages = await pagesOf(store, { clientId: 'clinic', limit: 1, ...condition });
    expect(idsOf(pages)).toEqual(expected.map(jobIdOf));
  });

  it('leaves out a job from the moment that its deletion was asked', async () => {
    const { store } = harness();
    const [first, second] = [await listed(store, 1, { externalJobId: 'scan 7' }), await listed(store, 2)];
    await saved(store, first, EVENTS.deleteRequested);
    expect(idsOf(await pagesOf(store, { clientId: 'clinic', limit: 5 }))).toEqual([second.jobId]);
    expect(idsOf(await pagesOf(store, { clientId: 'clinic', limit: 5, externalJobId: 'scan 7' }))).toEqual([]);
  });

  it('looks at a bounded number of jobs for one page, and finds the rest in the next ones', async () => {
    const { store } = harness();
    const jobs = LIMITS.listScanJobsMax + 3;
    for (const n of range(jobs)) {
      await listed(store, n + 1, { nowMs: START_MS + n, ...(n === 0 ? { model: OTHER_MODEL } : {}) });
    }
    const pages = await pagesOf(store, { clientId: 'clinic', limit: 5, model: OTHER_MODEL.name });
    expect(pages.map((page) => page.jobs.length)).toEqual([0, 1]);
    expect(idsOf(pages)).toEqual([jobIdOf(1)]);
  }, 120_000);

  it('refuses (throws) a page of none, or of more than there may be', async () => {
    const { store } = harness();
    for (const limit of [0, -1, 1.5, LIMITS.listPageJobsMax + 1]) {
      await expect(store.list({ clientId: 'clinic', limit })).rejects.toThrow('correct the limit');
    }
  });
}

const OTHER_MODEL = { name: 'other-model', version: '1.0.0' };

async function listed(store: JobStore, n: number, given: Partial<NewJob> = {}): Promise<JobRecord> {
  const job = aJob({ jobId: jobIdOf(n), nowMs: START_MS + n, ...given });
  expect(await store.create(job, null)).toEqual({ kind: 'created' });
  return job;
}

/** 1 pending, 2 failed, 3 completed, 4 running (its retry waits), 5 pending; 2 and 5 of another model; 2 and 4 scan 7. */
async function manyKinds(store: JobStore): Promise<void> {
  const scan = { externalJobId: 'scan 7' };
  await listed(store, 1);
  const failed = await listed(store, 2, { ...scan, model: OTHER_MODEL });
  await saved(store, failed, EVENTS.failed);
  const completed = await saved(store, await listed(store, 3), EVENTS.claimed);
  await saved(store, completed, { type: 'published', manifest: aManifest(completed.jobId), atMs: START_MS + 9 });
  let retried = await listed(store, 4, scan);
  for (const event of [EVENTS.claimed, EVENTS.started, EVENTS.retried]) retried = await saved(store, retried, event);
  await listed(store, 5, { model: OTHER_MODEL });
  await listed(store, 6, { ...scan, clientId: 'other-clinic' });
}

/** Follows `next` to the end. */
async function pagesOf(store: JobStore, ask: ListAsk): Promise<JobPage[]> {
  const pages: JobPage[] = [];
  let before: JobPage['next'] = null;
  do {
    const page: JobPage = await store.list({ ...ask, ...(before === null ? {} : { before }) });
    expect(page.jobs.length).toBeLessThanOrEqual(ask.limit);
    pages.push(page);
    before = page.next;
    expect(pages.length).toBeLessThan(PAGES_MAX);
  } while (before !== null);
  return pages;
}

function idsOf(pages: readonly JobPage[]): string[] {
  return pages.flatMap(({ jobs }) => jobs.map(({ job }) => job.jobId));
}
