import { holdsSlot, LIMITS, progressSchema, type JobId, type JobRecord, type Progress } from '@bpi/job-contract';
import {
  assertChange,
  censusOf,
  dueAtMs,
  fillPage,
  isActive,
  markOf,
  type Census,
  type Change,
  type CreateResult,
  type DuePosition,
  type IdempotencyClaim,
  type JobPage,
  type JobStore,
  type ListAsk,
  type Room,
  type SaveResult,
  type StoredJob,
} from '@bpi/jobs';
import { frozenCopy } from './frozen-copy.ts';

export type MemoryJobStoreOptions = {
  /** Slots by pool name. */
  pools: Readonly<Record<string, number>>;
};

type Row = { readonly job: JobRecord; readonly progress: { readonly epoch: number; readonly value: Progress } | null };

/**
 * The JobStore of tests and simulations. Every method does its work before it first yields, so concurrent calls
 * are atomic, as they are in a database.
 */
export class MemoryJobStore implements JobStore {
  readonly #pools: Readonly<Record<string, number>>;
  #rows = new Map<JobId, Row>();
  #claims = new Map<string, { readonly claim: IdempotencyClaim; readonly jobId: JobId }>();
  #holders = new Map<JobId, string>();

  constructor(options: MemoryJobStoreOptions) {
    this.#pools = options.pools;
  }

  /** A second store with the same contents that goes its own way. Shares the (frozen) records. */
  clone(): MemoryJobStore {
    const clone = new MemoryJobStore({ pools: this.#pools });
    clone.#rows = new Map(this.#rows);
    clone.#claims = new Map(this.#claims);
    clone.#holders = new Map(this.#holders);
    return clone;
  }

  async create(job: JobRecord, claim: IdempotencyClaim | null): Promise<CreateResult> {
    if (job.phase !== 'queued' || job.version !== 1) throw new Error('create takes a new job: queued, version 1');
    assertSize(job);
    if (claim !== null) {
      const earlier = this.#claims.get(claim.keyDigest);
      if (earlier !== undefined && earlier.claim.expiresAtMs > job.createdAtMs) {
        if (earlier.claim.fingerprint !== claim.fingerprint) return { kind: 'mismatch' };
        return { kind: 'exists', job: this.#row(earlier.jobId).job };
      }
    }
    const same = this.#rows.get(job.jobId);
    if (same !== undefined) return { kind: 'exists', job: same.job };
    this.#rows.set(job.jobId, { job: frozenCopy(job), progress: null });
    if (claim !== null) this.#claims.set(claim.keyDigest, { claim: frozenCopy(claim), jobId: job.jobId });
    return { kind: 'created' };
  }

  async get(jobId: JobId): Promise<StoredJob | null> {
    const row = this.#rows.get(jobId);
    return row === undefined ? null : storedJobOf(row);
  }

  async marks(jobIds: readonly JobId[]): Promise<ReadonlyMap<JobId, string>> {
    const rows = jobIds.map((jobId) => [jobId, this.#rows.get(jobId)] as const);
    return new Map(rows.flatMap(([jobId, row]) => (row === undefined ? [] : [[jobId, markOf(storedJobOf(row))]])));
  }

  async save(change: Change): Promise<SaveResult> {
    assertChange(change);
    assertSize(change.after);
    const { pool } = change;
    const { jobId } = change.after;
    const row = this.#rows.get(jobId);
    if (row === undefined || row.job.version !== change.before.version) return 'stale';
    if (change.slot === 'take') {
      if (this.#free(pool) <= 0) return 'full';
      this.#holders.set(jobId, pool);
    }
    if (change.slot === 'free') this.#holders.delete(jobId);
    this.#rows.set(jobId, { ...row, job: frozenCopy(change.after) });
    return 'saved';
  }

  async recordProgress(jobId: JobId, epoch: number, progress: Progress): Promise<boolean> {
    const value = frozenCopy(progressSchema.parse(progress));
    const row = this.#rows.get(jobId);
    if (row === undefined || !holdsSlot(row.job.phase) || row.job.attempt?.epoch !== epoch) return false;
    if (row.progress !== null && row.progress.epoch === epoch && row.progress.value.atMs > value.atMs) return false;
    this.#rows.set(jobId, { ...row, progress: { epoch, value } });
    return true;
  }

  async listActive(page: { limit: number; after?: { createdAtMs: number; jobId: JobId } }): Promise<JobRecord[]> {
    const { after, limit } = page;
    return [...this.#rows.values()]
      .map(({ job }) => job)
      .filter((job) => isActive(job) && (after === undefined || compareAge(job, after) > 0))
      .sort(compareAge)
      .slice(0, limit);
  }

  async listExpiring(page: { dueByMs: number; limit: number; after?: DuePosition }): Promise<JobRecord[]> {
    const { dueByMs, limit, after } = page;
    return [...this.#rows.values()]
      .flatMap(({ job }) => {
        const at = dueAtMs(job);
        return at === null || at > dueByMs ? [] : [{ job, at: { dueAtMs: at, jobId: job.jobId } }];
      })
      .filter(({ at }) => after === undefined || compareDue(at, after) > 0)
      .sort((a, b) => compareDue(a.at, b.at))
      .slice(0, limit)
      .map(({ job }) => job);
  }

  async list(ask: ListAsk): Promise<JobPage> {
    const own = [...this.#rows.values()].filter(({ job }) => job.clientId === ask.clientId);
    const newestFirst = own.sort((a, b) => compareAge(b.job, a.job));
    return fillPage(ask, async (before, count) =>
      newestFirst
        .filter(({ job }) => before === null || compareAge(job, before) < 0)
        .slice(0, count)
        .map((row) => ({ at: positionOf(row.job), stored: storedJobOf(row) })),
    );
  }

  async room(pool: string): Promise<Room> {
    return { slots: this.#slots(pool), free: Math.max(0, this.#free(pool)) };
  }

  async countQueued(clientId: string, atMost: number): Promise<number> {
    const own = [...this.#rows.values()].filter(({ job }) => job.clientId === clientId && job.phase === 'queued');
    return Math.min(own.length, atMost);
  }

  async hasClaim(keyDigest: string, nowMs: number): Promise<boolean> {
    return (this.#claims.get(keyDigest)?.claim.expiresAtMs ?? -Infinity) > nowMs;
  }

  async census(atMost: number): Promise<Census> {
    return censusOf(await this.listActive({ limit: atMost }));
  }

  #row(jobId: JobId): Row {
    const row = this.#rows.get(jobId);
    if (row === undefined) throw new Error('an idempotency claim names a job that is not stored');
    return row;
  }

  #slots(pool: string): number {
    return Object.hasOwn(this.#pools, pool) ? (this.#pools[pool] ?? 0) : 0;
  }

  #free(pool: string): number {
    let held = 0;
    for (const holder of this.#holders.values()) if (holder === pool) held += 1;
    return this.#slots(pool) - held;
  }
}

function storedJobOf({ job, progress }: Row): StoredJob {
  const current = progress !== null && progress.epoch === job.attempt?.epoch;
  return { job, progress: current ? progress.value : null };
}

function positionOf({ createdAtMs, jobId }: JobRecord): Age {
  return { createdAtMs, jobId };
}

type Age = { createdAtMs: number; jobId: JobId };

function compareAge(a: Age, b: Age): number {
  return a.createdAtMs - b.createdAtMs || compareIds(a, b);
}

function compareDue(a: DuePosition, b: DuePosition): number {
  return a.dueAtMs - b.dueAtMs || compareIds(a, b);
}

function compareIds(a: { jobId: JobId }, b: { jobId: JobId }): number {
  if (a.jobId === b.jobId) return 0;
  return a.jobId < b.jobId ? -1 : 1;
}

function assertSize(job: JobRecord): void {
  if (Buffer.byteLength(JSON.stringify(job)) > LIMITS.recordBytesMax) {
    throw new Error('a job record is larger than LIMITS.recordBytesMax: keep large values in the ObjectStore');
  }
}
