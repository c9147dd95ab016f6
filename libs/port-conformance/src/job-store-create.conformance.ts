import { describe, expect, it } from '@jest/globals';
import { LIMITS } from '@bpi/job-contract';
import { transition } from '@bpi/jobs';
import { aClaim, aJob, EVENTS, jobIdOf } from './builders.ts';
import { pick, RACERS, range, saved, type JobStoreHarness } from './job-store-harness.ts';

export function describeJobStoreCreate(harness: () => JobStoreHarness): void {
  describe('create', () => describeCreate(harness));
  describe('create with an idempotency key', () => describeIdempotency(harness));
}

function describeCreate(harness: () => JobStoreHarness): void {
  it('stores a job as it was given, for every connection', async () => {
    const { store, second } = harness();
    const job = aJob({ externalJobId: 'scan 7 – left', warnings: ['spacing_missing'] });
    expect(await store.create(job, null)).toEqual({ kind: 'created' });
    expect(await store.get(job.jobId)).toEqual({ job, progress: null });
    expect(await (await second()).get(job.jobId)).toEqual({ job, progress: null });
  });

  it('answers null for a job that is not stored', async () => {
    expect(await harness().store.get(jobIdOf(99))).toBeNull();
  });

  it('answers the stored job to a second create with its id', async () => {
    const { store } = harness();
    const job = aJob();
    await store.create(job, null);
    const after = await saved(store, job, EVENTS.claimed);
    expect(await store.create({ ...job, clientId: 'somebody-else' }, null)).toEqual({ kind: 'exists', job: after });
    expect((await store.get(job.jobId))?.job).toEqual(after);
  });

  it('makes one job of twenty concurrent creates with one id', async () => {
    const { store, second } = harness();
    const stores = [store, await second()];
    const results = await Promise.all(range(RACERS).map((n) => pick(stores, n).create(aJob(), null)));
    expect(results.filter(({ kind }) => kind === 'created')).toHaveLength(1);
    expect(results.filter(({ kind }) => kind === 'exists')).toHaveLength(RACERS - 1);
  });

  it('refuses a record that is not a new job', async () => {
    const { store } = harness();
    const job = aJob();
    await expect(store.create(transition(job, EVENTS.claimed).after, null)).rejects.toThrow();
    await expect(store.create({ ...job, version: 2 }, null)).rejects.toThrow();
    expect(await store.get(job.jobId)).toBeNull();
  });

  it('refuses a record above the size limit, and stores neither job nor claim', async () => {
    const { store } = harness();
    const large = aJob({ externalJobId: 'x'.repeat(LIMITS.recordBytesMax) });
    await expect(store.create(large, aClaim())).rejects.toThrow();
    expect(await store.create(aJob(), aClaim({ fingerprint: 'e'.repeat(64) }))).toEqual({ kind: 'created' });
  });

  it('keeps what it stored when the caller changes its own object', async () => {
    const { store } = harness();
    const job = aJob({ warnings: ['spacing_missing'] });
    await store.create(job, null);
    job.warnings.push('added later');
    expect((await store.get(job.jobId))?.job.warnings).toEqual(['spacing_missing']);
  });
}

function describeIdempotency(harness: () => JobStoreHarness): void {
  it('answers the first job to the same key with the same payload, and stores nothing', async () => {
    const { store } = harness();
    const first = aJob();
    await store.create(first, aClaim());
    expect(await store.create(aJob({ jobId: jobIdOf(2) }), aClaim())).toEqual({ kind: 'exists', job: first });
    expect(await store.get(jobIdOf(2))).toBeNull();
  });

  it('answers with the first job as it is now', async () => {
    const { store } = harness();
    const first = aJob();
    await store.create(first, aClaim());
    const after = await saved(store, first, EVENTS.claimed);
    expect(await store.create(aJob({ jobId: jobIdOf(2) }), aClaim())).toEqual({ kind: 'exists', job: after });
  });

  it('refuses the same key with another payload, and stores nothing', async () => {
    const { store } = harness();
    await store.create(aJob(), aClaim());
    const other = aClaim({ fingerprint: 'e'.repeat(64) });
    expect(await store.create(aJob({ jobId: jobIdOf(2) }), other)).toEqual({ kind: 'mismatch' });
    expect(await store.get(jobIdOf(2))).toBeNull();
  });

  it('takes a key again once its claim has ended', async () => {
    const { store } = harness();
    const claim = aClaim();
    await store.create(aJob(), claim);
    const late = aJob({ jobId: jobIdOf(2), nowMs: claim.expiresAtMs });
    const again = aClaim({ fingerprint: 'e'.repeat(64), expiresAtMs: claim.expiresAtMs + 60_000 });
    expect(await store.create(late, again)).toEqual({ kind: 'created' });
    const later = aJob({ jobId: jobIdOf(3), nowMs: claim.expiresAtMs });
    expect(await store.create(later, again)).toEqual({ kind: 'exists', job: late });
  });

  it('stores no claim when the job is not stored', async () => {
    const { store } = harness();
    const job = aJob();
    await store.create(job, null);
    expect((await store.create(job, aClaim())).kind).toBe('exists');
    expect(await store.create(aJob({ jobId: jobIdOf(2) }), aClaim())).toEqual({ kind: 'created' });
  });

  it('makes one job of twenty concurrent creates with one key', async () => {
    const { store, second } = harness();
    const stores = [store, await second()];
    const results = await Promise.all(
      range(RACERS).map((n) => pick(stores, n).create(aJob({ jobId: jobIdOf(n + 1) }), aClaim())),
    );
    expect(results.filter(({ kind }) => kind === 'created')).toHaveLength(1);
    const ids = new Set(results.flatMap((result) => (result.kind === 'exists' ? [result.job.jobId] : [])));
    expect(ids.size).toBe(1);
    expect(await store.listActive({ limit: RACERS })).toHaveLength(1);
    expect((await store.listActive({ limit: 1 }))[0]?.jobId).toBe([...ids][0]);
  });
}
