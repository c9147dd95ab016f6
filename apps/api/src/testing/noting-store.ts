import type { JobStore } from '@bpi/jobs';

/** What was asked of a store, by method, in order of time. */
export type Reads = { gets: number; marks: number[] };

/** A store that notes how often it is read, and how many jobs' marks it is asked for each time. */
export function notingStore(store: JobStore, reads: Reads): JobStore {
  return {
    create: (job, claim) => store.create(job, claim),
    get: (jobId) => {
      reads.gets += 1;
      return store.get(jobId);
    },
    marks: (jobIds) => {
      reads.marks.push(jobIds.length);
      return store.marks(jobIds);
    },
    save: (change) => store.save(change),
    recordProgress: (jobId, epoch, progress) => store.recordProgress(jobId, epoch, progress),
    listActive: (page) => store.listActive(page),
    listExpiring: (page) => store.listExpiring(page),
    list: (ask) => store.list(ask),
    room: (pool) => store.room(pool),
    countQueued: (clientId, atMost) => store.countQueued(clientId, atMost),
    hasClaim: (keyDigest, nowMs) => store.hasClaim(keyDigest, nowMs),
    census: (atMost) => store.census(atMost),
  };
}
