import { expect } from '@jest/globals';
import type { JobRecord } from '@bpi/job-contract';
import { transition, type JobEvent, type JobStore, type SaveResult } from '@bpi/jobs';
import { aJob, jobIdOf } from './builders.ts';

export type JobStoreHarness = {
  store: JobStore;
  /** Another process's store over the same truth: an own connection where the backend has them. */
  second(): Promise<JobStore>;
  close(): Promise<void>;
};

/** The pools that `make` must give the store. */
export const CONFORMANCE_POOLS = { cpu: 2, gpu: 1, empty: 0 } as const;

/** Callers at once in a race. */
export const RACERS = 20;

export async function stored(store: JobStore, n: number): Promise<JobRecord> {
  const job = aJob({ jobId: jobIdOf(n) });
  expect(await store.create(job, null)).toEqual({ kind: 'created' });
  return job;
}

export async function saved(store: JobStore, job: JobRecord, event: JobEvent): Promise<JobRecord> {
  const change = transition(job, event);
  expect(await store.save(change)).toBe('saved');
  return change.after;
}

export function counted(results: readonly SaveResult[]): Record<SaveResult, number> {
  const count = (kind: SaveResult) => results.filter((result) => result === kind).length;
  return { saved: count('saved'), stale: count('stale'), full: count('full') };
}

export function range(length: number): number[] {
  return Array.from({ length }, (_, n) => n);
}

/** Alternates between the stores of a race. */
export function pick(stores: readonly JobStore[], n: number): JobStore {
  const store = stores[n % stores.length];
  if (store === undefined) throw new Error('a race needs at least one store');
  return store;
}
