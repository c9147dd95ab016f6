import { expect, it } from '@jest/globals';
import type { JobRecord } from '@bpi/job-contract';
import type { DuePosition, JobStore } from '@bpi/jobs';
import { aJob, EVENTS, jobIdOf } from './builders.ts';
import { range, saved, type JobStoreHarness } from './job-store-harness.ts';

const HOUR_MS = 60 * 60 * 1_000;
const ENDED_MS: number = EVENTS.failed.atMs;
const LATE_MS = ENDED_MS + 100 * HOUR_MS;

/** What a store has to do so that what is past its time is found: by when it is due, and at no other cost. */
export function describeJobStoreExpiry(harness: () => JobStoreHarness): void {
  it('names a job when the next of its classes is due, and not before', async () => {
    const { store, second } = harness();
    const job = await ended(store, 1, 5);
    const other = await second();
    expect(await numbers(other, ENDED_MS + 5 * HOUR_MS - 1)).toEqual([]);
    expect(await numbers(other, ENDED_MS + 5 * HOUR_MS)).toEqual([1]);
    expect(await store.listExpiring({ dueByMs: LATE_MS, limit: 1 })).toEqual([job]);
    const next = await saved(store, job, { type: 'expired', files: ['input'], atMs: ENDED_MS + 5 * HOUR_MS });
    expect(await numbers(other, ENDED_MS + 6 * HOUR_MS - 1)).toEqual([]);
    expect(await other.listExpiring({ dueByMs: ENDED_MS + 6 * HOUR_MS, limit: 9 })).toEqual([next]);
  });

  it('names no job that is active, in whatever way, and no tombstone', async () => {
    const { store } = harness();
    let job = aJob({ retention: keptHours(1) });
    await store.create(job, null);
    const { claimed, failed, leftoversRemoved, deleteRequested, deleted } = EVENTS;
    for (const event of [claimed, failed, leftoversRemoved] as const) {
      expect(await numbers(store, LATE_MS)).toEqual([]);
      job = await saved(store, job, event);
    }
    expect(await numbers(store, LATE_MS)).toEqual([]); // not shown yet
    job = await saved(store, job, shown(job));
    expect(await numbers(store, LATE_MS)).toEqual([1]);
    expect(await store.listActive({ limit: 9 })).toEqual([]);
    for (const event of [deleteRequested, deleted] as const) {
      job = await saved(store, job, event);
      expect(await numbers(store, LATE_MS)).toEqual([]);
    }
  });

  it('names what was never promised anything at once', async () => {
    const { store } = harness();
    const job = await ended(store, 1, null);
    expect(await numbers(store, ENDED_MS)).toEqual([1]);
    const retention = keptHours(7);
    const promised = await saved(store, job, { type: 'retentionPromised', retention });
    expect(await numbers(store, ENDED_MS)).toEqual([]);
    expect(await store.listExpiring({ dueByMs: LATE_MS, limit: 9 })).toEqual([promised]);
  });

  it('names those that are due the longest first, ties by id, and goes on behind the last one seen', async () => {
    const { store } = harness();
    const hours = [30, 10, 20, 10, 20, 10];
    for (const [n, kept] of hours.entries()) await ended(store, n + 1, kept);
    const expected = [2, 4, 6, 3, 5, 1];
    expect(await numbers(store, LATE_MS)).toEqual(expected);
    expect(await numbers(store, LATE_MS, 2)).toEqual(expected.slice(0, 2));
    for (const limit of [1, 2, 3]) {
      const seen: number[] = [];
      let after: DuePosition | undefined;
      for (let pages = 0; pages < 9; pages += 1) {
        const page = await store.listExpiring({ dueByMs: LATE_MS, limit, ...(after === undefined ? {} : { after }) });
        seen.push(...page.map(numberOf));
        const last = page.at(-1);
        if (last === undefined) break;
        after = { dueAtMs: ENDED_MS + (hours[numberOf(last) - 1] ?? 0) * HOUR_MS, jobId: last.jobId };
      }
      expect(seen).toEqual(expected);
    }
    const behind = { dueAtMs: ENDED_MS + 10 * HOUR_MS, jobId: jobIdOf(4) };
    const until = { dueByMs: ENDED_MS + 20 * HOUR_MS, limit: 9, after: behind };
    expect((await store.listExpiring(until)).map(numberOf)).toEqual([6, 3, 5]);
  });

  it('names none behind one that is due later, which a clock that was set back asks for', async () => {
    const { store } = harness();
    await ended(store, 1, 10);
    await ended(store, 2, 30);
    const after = { dueAtMs: ENDED_MS + 20 * HOUR_MS, jobId: jobIdOf(3) };
    expect(await store.listExpiring({ dueByMs: ENDED_MS + 15 * HOUR_MS, limit: 9, after })).toEqual([]);
  });

  it('finds the few that are due among the many that are not', async () => {
    const { store } = harness();
    for (const n of range(30)) await ended(store, n + 1, n === 17 ? 1 : 50);
    expect(await numbers(store, ENDED_MS + HOUR_MS)).toEqual([18]);
  });
}

/** A job that is over, shown and without a task, whose input is due so many hours after its end; null = no promise. */
async function ended(store: JobStore, n: number, hours: number | null): Promise<JobRecord> {
  const retention = hours === null ? {} : { retention: keptHours(hours) };
  let job = aJob({ jobId: jobIdOf(n), ...retention });
  await store.create(job, null);
  job = await saved(store, job, EVENTS.failed);
  return saved(store, job, shown(job));
}

function keptHours(hours: number) {
  const inputMs = hours * HOUR_MS;
  return { inputMs, resultMs: inputMs + HOUR_MS, logsMs: inputMs + HOUR_MS, recordMs: inputMs + 2 * HOUR_MS };
}

function shown(job: JobRecord) {
  return { type: 'projected', atVersion: job.endedVersion ?? 0 } as const;
}

async function numbers(store: JobStore, dueByMs: number, limit = 100): Promise<number[]> {
  return (await store.listExpiring({ dueByMs, limit })).map(numberOf);
}

function numberOf({ jobId }: JobRecord): number {
  return Number.parseInt(jobId.slice(-12), 16);
}
