import { expect, it } from '@jest/globals';
import type { JobRecord } from '@bpi/job-contract';
import { isActive, transition, type JobEvent, type JobStore } from '@bpi/jobs';
import { aClaim, aJob, EVENTS, jobIdOf } from './builders.ts';
import { saved, stored, type JobStoreHarness } from './job-store-harness.ts';

/** What a store has to do with a deletion: the tombstone stays, keeps nothing of the client's, and blocks what it was. */
export function describeJobStoreDeletion(harness: () => JobStoreHarness): void {
  it('stores every step of it as transition made it, and lists the job as active until it is done', async () => {
    const { store, second } = harness();
    const other = await second();
    let job = aJob({ externalJobId: 'scan 7 – left' });
    await store.create(job, null);
    for (const event of DELETION) {
      expect(await activeIds(store)).toEqual([job.jobId]);
      job = await saved(store, job, event);
      expect((await other.get(job.jobId))?.job).toEqual(job);
    }
    expect(job.deletion?.doneAtMs).toBe(EVENTS.deleted.atMs);
    expect(job.externalJobId).toBeNull();
    expect(isActive(job)).toBe(false);
    expect(await activeIds(store)).toEqual([]);
  });

  it('leaves the tombstone to a second create with its id', async () => {
    const { store } = harness();
    const tombstone = await deleted(store, await stored(store, 1));
    expect(await store.create(aJob(), null)).toEqual({ kind: 'exists', job: tombstone });
    expect((await store.get(tombstone.jobId))?.job).toEqual(tombstone);
  });

  it('leaves the tombstone to a second create with its idempotency key', async () => {
    const { store } = harness();
    const first = aJob();
    await store.create(first, aClaim());
    const tombstone = await deleted(store, first);
    expect(await store.create(aJob({ jobId: jobIdOf(2) }), aClaim())).toEqual({ kind: 'exists', job: tombstone });
    expect(await store.get(jobIdOf(2))).toBeNull();
  });

  it('frees the slot with the end that it brings about, not before', async () => {
    const { store } = harness();
    const claimed = await saved(store, await stored(store, 1), EVENTS.claimed);
    const asked = await saved(store, claimed, EVENTS.deleteRequested);
    expect(await store.room('cpu')).toEqual({ slots: 2, free: 1 });
    await saved(store, asked, EVENTS.failed);
    expect(await store.room('cpu')).toEqual({ slots: 2, free: 2 });
  });

  it('is stale like any change when the job got on, and changes nothing', async () => {
    const { store } = harness();
    const job = await stored(store, 1);
    const claimed = await saved(store, job, EVENTS.claimed);
    expect(await store.save(transition(job, EVENTS.deleteRequested))).toBe('stale');
    expect((await store.get(job.jobId))?.job).toEqual(claimed);
  });
}

const DELETION: readonly JobEvent[] = [
  EVENTS.claimed,
  EVENTS.deleteRequested,
  EVENTS.failed,
  EVENTS.erased,
  EVENTS.leftoversRemoved,
  EVENTS.deleted,
];

async function deleted(store: JobStore, job: JobRecord): Promise<JobRecord> {
  let current = job;
  for (const event of DELETION) current = await saved(store, current, event);
  return current;
}

async function activeIds(store: JobStore): Promise<string[]> {
  return (await store.listActive({ limit: 10 })).map(({ jobId }) => jobId);
}
