import type { JobRecord } from '@bpi/job-contract';
import type { Change, SaveResult } from '@bpi/jobs';

/** The store's contents as plain data: one record per job, and which jobs hold a slot of the one pool. */
export type Store = { jobs: readonly JobRecord[]; holders: readonly number[] };

/**
 * What `JobStore.save` promises, as a function of the contents (store.spec.ts compares it with MemoryJobStore).
 * `isNewest` = the stored version is the change's `before.version`.
 */
export function saveInto(
  store: Store,
  ask: { job: number; change: Change; isNewest: boolean; slots: number },
): { result: SaveResult; store: Store } {
  const { job, change, isNewest, slots } = ask;
  if (!isNewest) return { result: 'stale', store };
  if (change.slot === 'take' && store.holders.length >= slots) return { result: 'full', store };
  const others = store.holders.filter((holder) => holder !== job);
  const holders = change.slot === 'take' ? [...others, job].sort() : change.slot === 'free' ? others : store.holders;
  return { result: 'saved', store: { jobs: store.jobs.map((old, at) => (at === job ? change.after : old)), holders } };
}
