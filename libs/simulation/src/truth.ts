import { MemoryJobStore, MemoryObjectStore } from '@bpi/adapters-memory';
import {
  CLASS_OF_KIND,
  holdsSlot,
  inputKey,
  isTerminal,
  jobIdOfKey,
  objectKind,
  type JobId,
  type JobRecord,
} from '@bpi/job-contract';
import {
  isActive,
  isExpired,
  readReport,
  type Change,
  type CreateResult,
  type IdempotencyClaim,
  type SaveResult,
} from '@bpi/jobs';
import type { Verdict } from './invariants.ts';
import { nameOf } from './naming.ts';
import { POLICY, POOLS, RETENTION, SIZES } from './settings.ts';
import { START_MS } from './simulated-process.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Asked when an attempt is left: is its task gone, or was it out of sight for long enough to count as gone? */
export type IsGone = (jobId: JobId, epoch: number) => boolean;

/** What is stored, as it really is, and what must hold of it at every moment. */
export class Truth {
  readonly store = new MemoryJobStore({ pools: POOLS });
  readonly objects: MemoryObjectStore;
  /** The newest record of every job, to be read without waiting. */
  readonly records = new Map<JobId, JobRecord>();
  readonly #time: VirtualTime;
  readonly #verdict: Verdict;
  readonly #held = new Map<string, number>();
  #isGone: IsGone = () => true;

  constructor(time: VirtualTime, verdict: Verdict) {
    this.objects = new MemoryObjectStore({ nowMs: () => START_MS + time.nowMs });
    this.#time = time;
    this.#verdict = verdict;
  }

  judgeTasksBy(isGone: IsGone): void {
    this.#isGone = isGone;
  }

  async create(job: JobRecord, claim: IdempotencyClaim | null): Promise<CreateResult> {
    const created = await this.store.create(job, claim);
    if (created.kind !== 'created') return created;
    this.records.set(job.jobId, job);
    const input = await this.objects.head(inputKey(job.jobId));
    this.#verdict.expect(input?.sha256 === job.inputSha256, 'inputKept', () => `${nameOf(job.jobId)} has no input`);
    return created;
  }

  async save(change: Change): Promise<SaveResult> {
    const { jobId } = change.after;
    const before = this.records.get(jobId);
    const saved = await this.store.save(change);
    if (saved !== 'saved') return saved;
    this.records.set(jobId, change.after);
    if (before === undefined) this.#verdict.accuse('versioned', `${nameOf(jobId)} was never created`);
    else await this.#check(before, change.after);
    return saved;
  }

  /** Removes what is past its time, and nothing else, by the best clock there is. */
  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const job = this.records.get(jobIdOfKey(key) as JobId); // a key that names none is found nowhere
      this.#verdict.expect(this.#isPast(key, job), 'keptAsPromised', () => `${key} while its job is ${job?.phase}`);
    }
    await this.objects.delete(keys);
  }

  #isPast(key: string, job: JobRecord | undefined): boolean {
    const kind = objectKind(key);
    if (job === undefined || kind === null) return false;
    const nowMs = START_MS + this.#time.nowMs + SIZES.skewMs;
    const isIdle = !isActive(job) || job.deletion !== null;
    return isIdle && isExpired(job, CLASS_OF_KIND[kind], { nowMs, deployment: RETENTION });
  }

  /** Removes a job's files; those of a job that is or may be wanted are not to be removed. */
  async deletePrefix(prefix: string): Promise<void> {
    const job = this.records.get(jobIdOfKey(prefix) as JobId); // a prefix that names none is found nowhere
    if (job !== undefined) {
      const isDue = isTerminal(job.phase) && job.deletion !== null;
      this.#verdict.expect(isDue, 'erasedWhenOver', () => `files of ${nameOf(job.jobId)} while it is ${job.phase}`);
    }
    await this.objects.deletePrefix(prefix);
  }

  async #check(before: JobRecord, after: JobRecord): Promise<void> {
    const name = nameOf(after.jobId);
    const { expect } = { expect: this.#verdict.expect.bind(this.#verdict) };
    const { deletion } = after;
    expect(
      after.version === before.version + 1,
      'versioned',
      () => `${name} from v${before.version} to v${after.version}`,
    );
    if (isTerminal(before.phase)) {
      const isSame = before.phase === after.phase && before.error?.code === after.error?.code;
      expect(isSame, 'oneEnd', () => `${name} was ${before.phase} and is ${after.phase}`);
      expect(before.result?.epoch === after.result?.epoch, 'onePublication', () => `${name} got another result`);
    } else if (after.result !== null) await this.#checkPublication(before, after);
    expect(before.deletion === null || deletion !== null, 'gone', () => `the deletion of ${name} was taken back`);
    if (before.phase !== after.phase) this.#checkMove(before, after);
    const { retries, attempt } = after;
    const { platform, interrupted, capacity } = POLICY.retriesMax;
    const isWithin = retries.platform <= platform && retries.interrupted <= interrupted && retries.capacity <= capacity;
    const attemptsMax = 1 + retries.platform + retries.interrupted + retries.capacity + retries.shrunk;
    expect(isWithin && retries.shrunk <= 1 && (attempt?.epoch ?? 0) <= attemptsMax, 'budget', () => {
      return `${name} is in attempt ${attempt?.epoch} after ${JSON.stringify(retries)}`;
    });
  }

  #checkMove(before: JobRecord, after: JobRecord): void {
    const { attempt } = before;
    const name = nameOf(after.jobId);
    if (holdsSlot(before.phase) && attempt !== null && !holdsSlot(after.phase)) {
      this.#count(attempt.pool, -1);
      const isGone = this.#isGone(after.jobId, attempt.epoch);
      this.#verdict.expect(
        isGone,
        'oneTask',
        () => `${name}/${attempt.epoch} was left for ${after.phase}, its task lives`,
      );
    }
    if (!holdsSlot(before.phase) && holdsSlot(after.phase) && after.attempt !== null)
      this.#count(after.attempt.pool, 1);
  }

  #count(pool: string, change: 1 | -1): void {
    const held = (this.#held.get(pool) ?? 0) + change;
    this.#held.set(pool, held);
    const slots = Object.entries(POOLS).find(([name]) => name === pool)?.[1] ?? 0;
    this.#verdict.expect(held >= 0 && held <= slots, 'slots', () => `${held} of ${slots} slots of ${pool} are held`);
  }

  async #checkPublication(before: JobRecord, after: JobRecord): Promise<void> {
    const name = nameOf(after.jobId);
    const epoch = after.result?.epoch ?? 0;
    this.#verdict.expect(before.cancelRequestedAtMs === null, 'gone', () => `${name} was cancelled and completed`);
    const report = await readReport(this.objects, after.jobId, epoch);
    const isOwn =
      epoch === before.attempt?.epoch &&
      report?.result === 'stored' &&
      JSON.stringify(report.manifest) === JSON.stringify(after.result?.manifest);
    this.#verdict.expect(isOwn, 'onePublication', () => `${name} shows attempt ${epoch} without its own report`);
  }
}
