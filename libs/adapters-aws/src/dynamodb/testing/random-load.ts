import { isTerminal, type JobId, type JobRecord } from '@bpi/job-contract';
import { transition, type Change, type JobEvent, type JobStore, type SaveResult } from '@bpi/jobs';
import { AwsError } from '../../aws-error.ts';
import { aJob, jobIdOf, START_MS } from './a-job.ts';
import { applyFault, FAULTS, type Fault, type Script } from './scripted-client.ts';

const WRITE_FAULTS = Object.keys(FAULTS) as Fault[];
/** No transaction stands in the way of a simple read. */
const READ_FAULTS = WRITE_FAULTS.filter((fault) => fault !== 'conflict');

/** A save as it was asked for; null = it threw, so that its outcome is not known. */
export type Save = { change: Change; answer: SaveResult | null };

/** What was really saved, seen below the adapter. Every change of a load is unique, so its record's text names it. */
export type Oracle = { savedRecords: Map<JobId, Set<string>>; faults: number; watch(random: () => number): Script };

/** @param faults share of tries with a fault, and the share of those that begin an outage of so many tries. */
export function makeOracle(faults: { share: number; outageShare: number; outageTries: number }): Oracle {
  const oracle: Oracle = {
    savedRecords: new Map(),
    faults: 0,
    watch: (random) => {
      let outageLeft = 0;
      return async (one) => {
        const next = async () => {
          const output = await one.next();
          const record = savedRecordOf(one.input);
          if (record !== null) noteSaved(oracle, record);
          return output;
        };
        if (outageLeft === 0 && random() >= faults.share) return next();
        oracle.faults += 1;
        if (outageLeft > 0) outageLeft -= 1;
        else if (random() < faults.outageShare) outageLeft = faults.outageTries;
        return applyFault(pickOf(random, one.command === 'GetItem' ? READ_FAULTS : WRITE_FAULTS), { ...one, next });
      };
    },
  };
  return oracle;
}

/** Jobs that callers work on at once: one that is over makes room for a new one. */
export class RandomLoad {
  readonly saves: Save[] = [];
  readonly created: JobId[] = [];
  readonly #random: () => number;
  readonly #pools: readonly string[];
  readonly #current: (JobId | null)[];
  #operations = 0;

  constructor(random: () => number, ask: { jobs: number; pools: readonly string[] }) {
    this.#random = random;
    this.#pools = ask.pools;
    this.#current = Array.from({ length: ask.jobs }, () => null);
  }

  /** One operation of one caller on one of the jobs. */
  async operate(store: JobStore): Promise<void> {
    this.#operations += 1;
    const n = this.#operations;
    const slot = Math.floor(this.#random() * this.#current.length);
    const jobId = this.#current[slot] ?? null;
    if (jobId === null) {
      this.#current[slot] = await this.#create(store, n);
      return;
    }
    const stored = await unlessUnknown(store.get(jobId));
    if (!stored) return;
    if (isTerminal(stored.job.phase)) {
      this.#current[slot] = null;
      return;
    }
    const { attempt } = stored.job;
    if (attempt !== null && this.#random() < 0.2) {
      await unlessUnknown(
        store.recordProgress(jobId, attempt.epoch, { fraction: this.#random(), step: 'predict', atMs: START_MS + n }),
      );
    }
    const change = transition(stored.job, this.#event(stored.job, n));
    this.saves.push({ change, answer: await unlessUnknown(store.save(change)) });
  }

  async #create(store: JobStore, n: number): Promise<JobId | null> {
    const job = aJob({ jobId: jobIdOf(n), pool: pickOf(this.#random, this.#pools), nowMs: START_MS + n });
    const claim = { keyDigest: String(n).padStart(64, '0'), fingerprint: 'f', expiresAtMs: START_MS * 2 };
    const result = await unlessUnknown(store.create(job, this.#random() < 0.5 ? claim : null));
    if (result !== null && result.kind !== 'created') throw new Error('a new job cannot be there already');
    this.created.push(job.jobId);
    return job.jobId;
  }

  /** An event that the phase allows, like no other of this load. */
  #event(job: JobRecord, n: number): JobEvent {
    const atMs = START_MS + n;
    const cancel: JobEvent[] = job.cancelRequestedAtMs === null ? [{ type: 'cancelRequested', atMs }] : [];
    const end: JobEvent = { type: 'failed', code: 'model_error', atMs };
    if (job.phase === 'queued') {
      const claims = this.#pools.map((pool): JobEvent => ({ type: 'claimed', pool, definition: null, atMs }));
      return pickOf(this.#random, [...claims, ...claims, ...cancel, end]);
    }
    const seen: JobEvent = { type: 'taskSeen', task: `task-${n}`, waitsForCapacity: false };
    const start: JobEvent[] = job.phase === 'launching' ? [{ type: 'started', task: `task-${n}`, atMs }] : [];
    const retry: JobEvent = { type: 'retried', code: 'platform_error', notBeforeMs: atMs, shrink: 'no', atMs };
    return pickOf(this.#random, [seen, seen, ...start, ...cancel, retry, retry, end]);
  }
}

function pickOf<T>(random: () => number, values: readonly T[]): T {
  const value = values[Math.floor(random() * values.length)];
  if (value === undefined) throw new Error('there is nothing to pick from');
  return value;
}

/** Null for an outcome that the store says it does not know. */
async function unlessUnknown<T>(result: Promise<T>): Promise<T | null> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof AwsError && error.retryable) return null;
    throw error;
  }
}

type SentSave = { ExpressionAttributeValues?: { ':record'?: { S: string } } };

function savedRecordOf(input: unknown): string | null {
  const sent = input as SentSave & { TransactItems?: { Update?: SentSave }[] };
  const update = sent.TransactItems === undefined ? sent : sent.TransactItems[0]?.Update;
  return update?.ExpressionAttributeValues?.[':record']?.S ?? null;
}

function noteSaved(oracle: Oracle, record: string): void {
  const { jobId } = JSON.parse(record) as JobRecord;
  const records = oracle.savedRecords.get(jobId) ?? new Set();
  oracle.savedRecords.set(jobId, records.add(record));
}
