import type { Readable } from 'node:stream';
import type { JobId, JobRecord, Progress } from '@bpi/job-contract';
import type {
  ByteRange,
  Census,
  Change,
  CreateResult,
  DuePosition,
  IdempotencyClaim,
  JobPage,
  JobStore,
  ListAsk,
  ObjectInfo,
  ObjectStore,
  ObjectBody,
  PutResult,
  Room,
  SaveResult,
  StoredJob,
} from '@bpi/jobs';
import { nameOf } from './naming.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Truth } from './truth.ts';
import type { Wire } from './wire.ts';

/** The JobStore as one program sees it: far away, and not always there. */
export class SimulatedJobStore implements JobStore {
  readonly #process: SimulatedProcess;
  readonly #wire: Wire;
  readonly #truth: Truth;
  readonly #lies: (probability: number) => boolean;

  /** @param lies says whether something that has this probability happens now. */
  constructor(process: SimulatedProcess, parts: { wire: Wire; truth: Truth; lies: (probability: number) => boolean }) {
    this.#process = process;
    this.#wire = parts.wire;
    this.#truth = parts.truth;
    this.#lies = parts.lies;
  }

  create(job: JobRecord, claim: IdempotencyClaim | null): Promise<CreateResult> {
    return this.#wire.call(this.#process, {
      what: `store.create ${nameOf(job.jobId)}`,
      effect: () => this.#truth.create(job, claim),
      told: ({ kind }) => kind,
    });
  }

  get(jobId: JobId): Promise<StoredJob | null> {
    return this.#wire.call(this.#process, {
      what: `store.get ${nameOf(jobId)}`,
      effect: () => this.#truth.store.get(jobId),
      told: (stored) => (stored === null ? 'none' : `v${stored.job.version} ${stored.job.phase}`),
    });
  }

  marks(jobIds: readonly JobId[]): Promise<ReadonlyMap<JobId, string>> {
    return this.#wire.call(this.#process, {
      what: `store.marks of ${jobIds.length}`,
      effect: () => this.#truth.store.marks(jobIds),
      told: ({ size }) => `${size}`,
    });
  }

  save(change: Change): Promise<SaveResult> {
    const { before, after, event } = change;
    return this.#wire.call<SaveResult>(this.#process, {
      what: `store.save ${nameOf(after.jobId)} v${after.version} ${event} ${before.phase}→${after.phase}`,
      effect: async () => {
        const saved = await this.#truth.save(change);
        return saved === 'saved' && this.#lies(this.#wire.weather.savedAsStale) ? 'stale' : saved;
      },
      told: (saved) => saved,
      isMove: (saved) => saved === 'saved' && change.slot !== 'keep',
    });
  }

  recordProgress(jobId: JobId, epoch: number, progress: Progress): Promise<boolean> {
    return this.#wire.call(this.#process, {
      what: `store.recordProgress ${nameOf(jobId)}/${epoch} ${progress.fraction}`,
      effect: () => this.#truth.store.recordProgress(jobId, epoch, progress),
      told: String,
    });
  }

  listActive(page: { limit: number; after?: { createdAtMs: number; jobId: JobId } }): Promise<JobRecord[]> {
    return this.#wire.call(this.#process, {
      what: 'store.listActive',
      effect: () => this.#truth.store.listActive(page),
      told: (jobs) => `${jobs.length}`,
    });
  }

  listExpiring(page: { dueByMs: number; limit: number; after?: DuePosition }): Promise<JobRecord[]> {
    return this.#wire.call(this.#process, {
      what: 'store.listExpiring',
      effect: () => this.#truth.store.listExpiring(page),
      told: (jobs) => `${jobs.length}`,
    });
  }

  list(ask: ListAsk): Promise<JobPage> {
    return this.#wire.call(this.#process, {
      what: `store.list ${ask.clientId}`,
      effect: () => this.#truth.store.list(ask),
      told: ({ jobs }) => `${jobs.length}`,
    });
  }

  countQueued(clientId: string, atMost: number): Promise<number> {
    return this.#wire.call(this.#process, {
      what: `store.countQueued ${clientId}`,
      effect: () => this.#truth.store.countQueued(clientId, atMost),
      told: String,
    });
  }

  hasClaim(keyDigest: string, nowMs: number): Promise<boolean> {
    return this.#wire.call(this.#process, {
      what: 'store.hasClaim',
      effect: () => this.#truth.store.hasClaim(keyDigest, nowMs),
      told: String,
    });
  }

  census(atMost: number): Promise<Census> {
    return this.#wire.call(this.#process, { what: 'store.census', effect: () => this.#truth.store.census(atMost) });
  }

  room(pool: string): Promise<Room> {
    return this.#wire.call(this.#process, {
      what: `store.room ${pool}`,
      effect: () => this.#truth.store.room(pool),
      told: ({ free }) => `${free}`,
    });
  }
}

/** The ObjectStore as one program sees it. */
export class SimulatedObjectStore implements ObjectStore {
  readonly #process: SimulatedProcess;
  readonly #wire: Wire;
  readonly #truth: Truth;

  constructor(process: SimulatedProcess, parts: { wire: Wire; truth: Truth }) {
    this.#process = process;
    this.#wire = parts.wire;
    this.#truth = parts.truth;
  }

  put(key: string, body: ObjectBody, how: { ifAbsent: boolean }): Promise<PutResult> {
    const effect = () => this.#truth.objects.put(key, body, how);
    return this.#call(`objects.put ${shortOf(key)}`, effect, ({ kind }) => kind);
  }

  get(key: string, range?: ByteRange): Promise<Readable> {
    return this.#call(`objects.get ${shortOf(key)}`, () => this.#truth.objects.get(key, range));
  }

  head(key: string): Promise<ObjectInfo | null> {
    const effect = () => this.#truth.objects.head(key);
    return this.#call(`objects.head ${shortOf(key)}`, effect, (info) => (info === null ? 'none' : `${info.bytes}`));
  }

  async *list(prefix: string): AsyncIterable<{ key: string; bytes: number; modifiedAtMs: number }> {
    const effect = async () => {
      const listed = [];
      for await (const entry of this.#truth.objects.list(prefix)) listed.push(entry);
      return listed;
    };
    yield* await this.#call(`objects.list ${shortOf(prefix)}`, effect, (listed) => `${listed.length}`);
  }

  copy(from: string, to: string): Promise<void> {
    return this.#call(`objects.copy ${shortOf(from)} ${shortOf(to)}`, () => this.#truth.objects.copy(from, to));
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#call(`objects.delete ${keys.map(shortOf).join(' ')}`, () => this.#truth.delete(keys));
  }

  deletePrefix(prefix: string): Promise<void> {
    return this.#call(`objects.deletePrefix ${shortOf(prefix)}`, () => this.#truth.deletePrefix(prefix));
  }

  async signDownload(): Promise<null> {
    return null;
  }

  #call<T>(what: string, effect: () => Promise<T>, told: (answer: T) => string = () => 'done'): Promise<T> {
    return this.#wire.call(this.#process, { what, effect, told });
  }
}

/** `jobs/<id>/input/input.npz` as `#7/input/input.npz`. */
function shortOf(key: string): string {
  return key.replace(/^jobs\/0{8}-0000-4000-8000-([0-9a-f]{12})/, (_, hex: string) => `#${Number.parseInt(hex, 16)}`);
}
