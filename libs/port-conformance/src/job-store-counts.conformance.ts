import { expect, it } from '@jest/globals';
import type { JobRecord } from '@bpi/job-contract';
import type { JobStore, NewJob } from '@bpi/jobs';
import { aClaim, aJob, aManifest, EVENTS, jobIdOf, START_MS } from './builders.ts';
import { range, saved, type JobStoreHarness } from './job-store-harness.ts';

const EMPTY = { queued: 0, launching: 0, running: 0, oldestQueuedAtMs: null };

export function describeJobStoreCounts(harness: () => JobStoreHarness): void {
  it('counts the queued jobs of one client, whoever made them, up to as many as it is asked for', async () => {
    const { store, second } = harness();
    expect(await store.countQueued('clinic', 10)).toBe(0);
    for (const n of range(5)) await queued(store, n + 1);
    await queued(store, 9, { clientId: 'clinic-b' });
    const other = await second();
    expect(await other.countQueued('clinic', 10)).toBe(5);
    expect(await other.countQueued('clinic', 5)).toBe(5);
    expect(await other.countQueued('clinic', 3)).toBe(3);
    expect(await store.countQueued('clinic-b', 10)).toBe(1);
    expect(await store.countQueued('clin', 10)).toBe(0);
  });

  it('counts a job as queued from its creation to its claim, and again while its retry waits', async () => {
    const { store } = harness();
    const steps: [JobRecord, number][] = [];
    let job = await queued(store, 1);
    for (const [event, counted] of [
      [EVENTS.claimed, 0],
      [EVENTS.started, 0],
      [EVENTS.retried, 1],
      [EVENTS.cancelRequested, 1],
      [EVENTS.failed, 0],
      [EVENTS.leftoversRemoved, 0],
    ] as const) {
      job = await saved(store, job, event);
      steps.push([job, counted]);
      expect([event.type, await store.countQueued('clinic', 10)]).toEqual([event.type, counted]);
    }
    expect(steps.at(-1)?.[0].phase).toBe('failed');
  });

  it('knows a claim until it ends, and no other', async () => {
    const { store, second } = harness();
    const claim = aClaim({ expiresAtMs: START_MS + 100 });
    expect(await store.hasClaim(claim.keyDigest, START_MS)).toBe(false);
    await store.create(aJob(), claim);
    const other = await second();
    expect(await other.hasClaim(claim.keyDigest, START_MS + 99)).toBe(true);
    expect(await other.hasClaim(claim.keyDigest, START_MS + 100)).toBe(false);
    expect(await other.hasClaim('9'.repeat(64), START_MS)).toBe(false);
  });

  it('counts by phase what is not over, with the age of the oldest that is queued', async () => {
    const { store, second } = harness();
    expect(await store.census(10)).toEqual(EMPTY);
    const over = await saved(store, await queued(store, 1), EVENTS.claimed);
    await saved(store, over, { type: 'published', manifest: aManifest(over.jobId), atMs: START_MS + 9 });
    await saved(store, await saved(store, await queued(store, 2), EVENTS.claimed), EVENTS.started);
    await saved(store, await queued(store, 3), EVENTS.claimed);
    await queued(store, 5);
    await queued(store, 4, { clientId: 'clinic-b' });
    const other = await second();
    expect(await other.census(10)).toEqual({ queued: 2, launching: 1, running: 1, oldestQueuedAtMs: START_MS + 4 });
    // The oldest come first: the one that ended has projections to make and is active.
    expect(await other.census(2)).toEqual({ ...EMPTY, running: 1 });
    expect(await other.census(4)).toEqual({ queued: 1, launching: 1, running: 1, oldestQueuedAtMs: START_MS + 4 });
  });
}

async function queued(store: JobStore, n: number, given: Partial<NewJob> = {}): Promise<JobRecord> {
  const job = aJob({ jobId: jobIdOf(n), nowMs: START_MS + n, ...given });
  expect(await store.create(job, null)).toEqual({ kind: 'created' });
  return job;
}
