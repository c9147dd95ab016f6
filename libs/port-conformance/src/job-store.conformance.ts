import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { jobRecordSchema, type JobRecord, type Progress } from '@bpi/job-contract';
import { isActive, transition, type JobEvent } from '@bpi/jobs';
import { aJob, aManifest, EVENTS, jobIdOf, START_MS } from './builders.ts';
import { describeJobStoreCounts } from './job-store-counts.conformance.ts';
import { describeJobStoreCreate } from './job-store-create.conformance.ts';
import { describeJobStoreDeletion } from './job-store-deletion.conformance.ts';
import { describeJobStoreExpiry } from './job-store-expiry.conformance.ts';
import {
  CONFORMANCE_POOLS,
  counted,
  pick,
  RACERS,
  range,
  saved,
  stored,
  type JobStoreHarness,
} from './job-store-harness.ts';
import { describeJobStoreList } from './job-store-list.conformance.ts';
import { describeJobStoreMarks } from './job-store-marks.conformance.ts';
import { describeJobStoreSlots } from './job-store-slots.conformance.ts';

/** The obligations of `JobStore`, on any backend. */
export function describeJobStore(
  name: string,
  make: (pools: Readonly<Record<string, number>>) => Promise<JobStoreHarness>,
): void {
  describe(`JobStore: ${name}`, () => {
    let harness: JobStoreHarness;
    beforeEach(async () => {
      harness = await make(CONFORMANCE_POOLS);
    });
    afterEach(async () => {
      await harness.close();
    });

    describeJobStoreCreate(() => harness);
    describe('save', () => describeSave(() => harness));
    describeJobStoreSlots(() => harness);
    describe('recordProgress', () => describeProgress(() => harness));
    describe('listActive', () => describeListActive(() => harness));
    describe('marks', () => describeJobStoreMarks(() => harness));
    describe('list', () => describeJobStoreList(() => harness));
    describe('counts', () => describeJobStoreCounts(() => harness));
    describe('a deletion', () => describeJobStoreDeletion(() => harness));
    describe('listExpiring', () => describeJobStoreExpiry(() => harness));
  });
}

function describeSave(harness: () => JobStoreHarness): void {
  it('stores every step of a job as transition made it', async () => {
    const { store, second } = harness();
    const other = await second();
    let job = aJob();
    await store.create(job, null);
    const published: JobEvent = { type: 'published', manifest: aManifest(job.jobId), atMs: START_MS + 9 };
    for (const event of [EVENTS.claimed, EVENTS.seen, EVENTS.started, EVENTS.cancelRequested, published] as const) {
      job = await saved(store, job, event);
      const stored = await other.get(job.jobId);
      expect(stored?.job).toEqual(job);
      expect(jobRecordSchema.parse(stored?.job)).toEqual(job);
    }
  });

  it('keeps what a newer release noted in a record, through every step that this one makes', async () => {
    const { store } = harness();
    const noted = { sinceTomorrow: { reason: 'x' } };
    const model = { ...aJob().model, ...noted };
    const failed: JobEvent = { type: 'failed', code: 'model_error', atMs: START_MS + 9 };
    let job: JobRecord = { ...aJob(), ...noted, model };
    await store.create(job, null);
    for (const event of [EVENTS.claimed, EVENTS.started, failed] as const) {
      const read = (await store.get(job.jobId))?.job;
      expect(read).toEqual(job);
      job = await saved(store, read ?? job, event);
    }
    expect((await store.get(job.jobId))?.job).toMatchObject({ ...noted, model });
    expect(await store.listActive({ limit: 1 })).toEqual([job]);
  });

  it('answers stale to a change of an older version, and changes nothing', async () => {
    const { store } = harness();
    const job = aJob();
    await store.create(job, null);
    const claimed = await saved(store, job, EVENTS.claimed);
    expect(await store.save(transition(job, EVENTS.cancelRequested))).toBe('stale');
    expect((await store.get(job.jobId))?.job).toEqual(claimed);
  });

  it('answers stale to the same change a second time', async () => {
    const { store } = harness();
    const job = aJob();
    await store.create(job, null);
    const change = transition(job, EVENTS.cancelRequested);
    expect(await store.save(change)).toBe('saved');
    expect(await store.save(change)).toBe('stale');
  });

  it('answers stale for a job that is not stored', async () => {
    const { store } = harness();
    expect(await store.save(transition(aJob(), EVENTS.cancelRequested))).toBe('stale');
    expect(await store.get(aJob().jobId)).toBeNull();
  });

  it('lets one of twenty concurrent saves win', async () => {
    const { store, second } = harness();
    const stores = [store, await second()];
    const job = aJob();
    await store.create(job, null);
    const changes = range(RACERS).map((n) => transition(job, { type: 'cancelRequested', atMs: START_MS + n }));
    const results = await Promise.all(changes.map((change, n) => pick(stores, n).save(change)));
    expect(counted(results)).toEqual({ saved: 1, stale: RACERS - 1, full: 0 });
    expect((await store.get(job.jobId))?.job).toEqual(changes[results.indexOf('saved')]?.after);
  });

  it('refuses a record that transition did not make', async () => {
    const { store } = harness();
    const job = aJob();
    await store.create(job, null);
    const change = transition(job, EVENTS.cancelRequested);
    await expect(store.save({ ...change, after: { ...change.after, clientId: 'somebody-else' } })).rejects.toThrow();
    expect((await store.get(job.jobId))?.job).toEqual(job);
  });
}

function describeProgress(harness: () => JobStoreHarness): void {
  const progress = (atMs: number, fraction = 0.5): Progress => ({ fraction, step: 'predict', atMs: START_MS + atMs });

  it('notes progress of the current attempt outside the version', async () => {
    const { store, second } = harness();
    const job = await saved(store, await stored(store, 1), EVENTS.claimed);
    expect(await store.recordProgress(job.jobId, 1, progress(10))).toBe(true);
    expect(await (await second()).get(job.jobId)).toEqual({ job, progress: progress(10) });
    expect(await store.save(transition(job, EVENTS.started))).toBe('saved');
    expect((await store.get(job.jobId))?.progress).toEqual(progress(10));
  });

  it('keeps newer progress that is stored', async () => {
    const { store } = harness();
    const job = await saved(store, await stored(store, 1), EVENTS.claimed);
    expect(await store.recordProgress(job.jobId, 1, progress(10, 0.2))).toBe(true);
    expect(await store.recordProgress(job.jobId, 1, progress(20, 0.4))).toBe(true);
    expect(await store.recordProgress(job.jobId, 1, progress(15, 0.3))).toBe(false);
    expect((await store.get(job.jobId))?.progress).toEqual(progress(20, 0.4));
  });

  it('refuses progress of a job that is not stored, not claimed, or over', async () => {
    const { store } = harness();
    expect(await store.recordProgress(jobIdOf(99), 1, progress(10))).toBe(false);
    const queued = await stored(store, 1);
    expect(await store.recordProgress(queued.jobId, 0, progress(10))).toBe(false);
    expect(await store.recordProgress(queued.jobId, 1, progress(10))).toBe(false);
    const over = await saved(store, await saved(store, queued, EVENTS.claimed), EVENTS.failed);
    expect(await store.recordProgress(over.jobId, 1, progress(10))).toBe(false);
    expect(await store.get(over.jobId)).toEqual({ job: over, progress: null });
  });

  it('refuses progress of an older or a future attempt, and starts anew with each', async () => {
    const { store } = harness();
    const claimed = await saved(store, await stored(store, 1), EVENTS.claimed);
    await store.recordProgress(claimed.jobId, 1, progress(50, 0.9));
    const retried = await saved(store, claimed, EVENTS.retried);
    expect(await store.recordProgress(retried.jobId, 1, progress(60))).toBe(false);
    const again = await saved(store, retried, EVENTS.claimed);
    expect(await store.get(again.jobId)).toEqual({ job: again, progress: null });
    expect(await store.recordProgress(again.jobId, 1, progress(60))).toBe(false);
    expect(await store.recordProgress(again.jobId, 3, progress(60))).toBe(false);
    expect(await store.recordProgress(again.jobId, 2, progress(20, 0.1))).toBe(true);
    expect((await store.get(again.jobId))?.progress).toEqual(progress(20, 0.1));
  });

  it('refuses (throws) a fraction outside 0 to 1', async () => {
    const { store } = harness();
    const job = await saved(store, await stored(store, 1), EVENTS.claimed);
    await expect(store.recordProgress(job.jobId, 1, progress(10, 1.5))).rejects.toThrow();
  });
}

function describeListActive(harness: () => JobStoreHarness): void {
  it('lists the oldest first, ties by id, in pages that leave nothing out', async () => {
    const { store } = harness();
    const ages = [5, 3, 3, 9, 1];
    for (const [n, age] of ages.entries()) {
      await store.create(aJob({ jobId: jobIdOf(n + 1), nowMs: START_MS + age }), null);
    }
    const seen: JobRecord[] = [];
    for (;;) {
      const last = seen.at(-1);
      const after = last === undefined ? {} : { after: { createdAtMs: last.createdAtMs, jobId: last.jobId } };
      const page = await store.listActive({ limit: 2, ...after });
      expect(page.length).toBeLessThanOrEqual(2);
      if (page.length === 0) break;
      seen.push(...page);
    }
    expect(seen.map(({ jobId }) => jobId)).toEqual([5, 2, 3, 1, 4].map(jobIdOf));
  });

  it('lists a job until it is over, projected and without leftovers', async () => {
    const { store } = harness();
    const listed = async () => (await store.listActive({ limit: 10 })).map(({ jobId }) => jobId);
    let job = await stored(store, 1);
    const events: JobEvent[] = [
      EVENTS.claimed,
      EVENTS.started,
      EVENTS.failed,
      { type: 'projected', atVersion: 4 },
      { type: 'leftoversRemoved', epochs: [1] },
    ];
    for (const event of events) {
      expect(await listed()).toEqual([job.jobId]);
      job = await saved(store, job, event);
    }
    expect(isActive(job)).toBe(false);
    expect(await listed()).toEqual([]);
    expect((await store.get(job.jobId))?.job).toEqual(job);
  });

  it('lists records whole and as they are now', async () => {
    const { store, second } = harness();
    const claimed = await saved(store, await stored(store, 1), EVENTS.claimed);
    expect(await (await second()).listActive({ limit: 10 })).toEqual([claimed]);
  });
}
