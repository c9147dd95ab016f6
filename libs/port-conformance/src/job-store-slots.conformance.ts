import { describe, expect, it } from '@jest/globals';
import type { JobRecord } from '@bpi/job-contract';
import { transition, type JobEvent } from '@bpi/jobs';
import { aJob, aManifest, EVENTS, jobIdOf, START_MS } from './builders.ts';
import { counted, pick, RACERS, range, saved, stored, type JobStoreHarness } from './job-store-harness.ts';

export function describeJobStoreSlots(harness: () => JobStoreHarness): void {
  describe('slots', () => describeSlots(harness));
  describe('a full pool', () => describeFullPool(harness));
}

function describeSlots(harness: () => JobStoreHarness): void {
  it('counts the slots of a pool, and none for an unknown one', async () => {
    const { store } = harness();
    expect(await store.room('cpu')).toEqual({ slots: 2, free: 2 });
    expect(await store.room('empty')).toEqual({ slots: 0, free: 0 });
    expect(await store.room('no-such-pool')).toEqual({ slots: 0, free: 0 });
    expect(await store.room('constructor')).toEqual({ slots: 0, free: 0 });
  });

  it('takes a slot with the claim and keeps it while the attempt lives', async () => {
    const { store, second } = harness();
    const job = await stored(store, 1);
    const claimed = await saved(store, job, EVENTS.claimed);
    expect(await (await second()).room('cpu')).toEqual({ slots: 2, free: 1 });
    await saved(store, claimed, EVENTS.started);
    expect(await store.room('cpu')).toEqual({ slots: 2, free: 1 });
    expect(await store.room('gpu')).toEqual({ slots: 1, free: 1 });
  });

  it.each([
    ['failure', EVENTS.failed],
    ['retry', EVENTS.retried],
    ['publication', { type: 'published', manifest: aManifest(jobIdOf(1)), atMs: START_MS + 3 }],
  ] as [string, JobEvent][])('frees the slot with the %s', async (_, event) => {
    const { store } = harness();
    const claimed = await saved(store, await stored(store, 1), EVENTS.claimed);
    await saved(store, claimed, event);
    expect(await store.room('cpu')).toEqual({ slots: 2, free: 2 });
  });

  it('frees no slot by a stale save, and none that a queued job never held', async () => {
    const { store } = harness();
    const claimed = await saved(store, await stored(store, 1), EVENTS.claimed);
    await saved(store, claimed, EVENTS.started);
    expect(await store.save(transition(claimed, EVENTS.failed))).toBe('stale');
    expect(await store.room('cpu')).toEqual({ slots: 2, free: 1 });
    await saved(store, await stored(store, 2), EVENTS.failed);
    expect(await store.room('cpu')).toEqual({ slots: 2, free: 1 });
  });
}

function describeFullPool(harness: () => JobStoreHarness): void {
  it('answers full to a claim beyond the slots, and changes nothing', async () => {
    const { store } = harness();
    const [first, second, third] = [await stored(store, 1), await stored(store, 2), await stored(store, 3)];
    const held = await saved(store, first, EVENTS.claimed);
    await saved(store, second, EVENTS.claimed);
    expect(await store.save(transition(third, EVENTS.claimed))).toBe('full');
    expect((await store.get(third.jobId))?.job).toEqual(third);
    await saved(store, held, EVENTS.failed);
    expect(await store.save(transition(third, EVENTS.claimed))).toBe('saved');
  });

  it('answers full in a pool without slots, known or not', async () => {
    const { store } = harness();
    for (const pool of ['empty', 'no-such-pool']) {
      const job = aJob({ jobId: jobIdOf(pool.length), pool });
      await store.create(job, null);
      expect(await store.save(transition(job, { ...EVENTS.claimed, pool }))).toBe('full');
    }
  });

  it('takes and frees the slot of the pool that the claim chose, whatever pool the job began in', async () => {
    const { store } = harness();
    const job = await stored(store, 1);
    const moved = await saved(store, job, { ...EVENTS.claimed, pool: 'gpu' });
    expect([await store.room('cpu'), await store.room('gpu')]).toEqual([
      { slots: 2, free: 2 },
      { slots: 1, free: 0 },
    ]);
    await saved(store, moved, EVENTS.retried);
    expect(await store.room('gpu')).toEqual({ slots: 1, free: 1 });
  });

  it('saves changes that take no slot while the pool is full', async () => {
    const { store } = harness();
    const first = await stored(store, 1);
    const held = await saved(store, first, EVENTS.claimed);
    await saved(store, await stored(store, 2), EVENTS.claimed);
    const waiting = await stored(store, 3);
    expect(await store.save(transition(waiting, EVENTS.cancelRequested))).toBe('saved');
    expect(await store.save(transition(held, EVENTS.started))).toBe('saved');
  });

  it('never gives out more slots than there are to twenty concurrent claims', async () => {
    const { store, second } = harness();
    const stores = [store, await second()];
    const jobs: JobRecord[] = [];
    for (const n of range(RACERS)) jobs.push(await stored(store, n + 1));
    const results = await Promise.all(jobs.map((job, n) => pick(stores, n).save(transition(job, EVENTS.claimed))));
    expect(counted(results)).toEqual({ saved: 2, stale: 0, full: RACERS - 2 });
    expect(await store.room('cpu')).toEqual({ slots: 2, free: 0 });
    const phases = (await store.listActive({ limit: RACERS })).map(({ phase }) => phase);
    expect(phases.filter((phase) => phase === 'launching')).toHaveLength(2);
  });
}
