/** The whole platform in one process, on SQLite, a folder and tasks without containers. Time passes when told. */
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  FsObjectStore,
  openPlatformDatabase,
  SqliteClients,
  SqliteJobQueue,
  SqliteJobStore,
} from '@bpi/adapters-local';
import {
  DEFAULT_RETENTION,
  inputKey,
  jobIdSchema,
  type JobId,
  type JobRecord,
  type Retention,
} from '@bpi/job-contract';
import {
  advance,
  cancelJob,
  Catalogue,
  deleteJob,
  expire,
  isActive,
  LOCAL_POLICY,
  removeForgottenInputs,
  removeForgottenTasks,
  submitJob,
  sweep,
  type AdvanceContext,
  type Advanced,
  type Clients,
  type Clock,
  type Delivery,
} from '@bpi/jobs';
import { withFailpoints, type Visit } from '@bpi/jobs/testing';
import { MANIFEST } from '../stager-bench.ts';
import { FolderRunner, isThere, type AttemptId } from './folder-runner.ts';
import { workOn, type Behaviour } from './machine.ts';
import { submissionOf, CLIENT_ID } from './submission.ts';

export const SLOTS = 1;
/** One round of everything; longer than a missing task needs to be gone, and than a message is invisible. */
const TURN_MS = 31_000;
const TURNS_MAX = 60;
const HOUR_MS = 60 * 60 * 1_000;

export type WorldOptions = {
  folder: string;
  inputPath: string;
  nowMs: number;
  visit: Visit;
  /** Told of every failure that production would log. */
  onFailure: (operation: string, error: unknown) => void;
};

/** What happens to a job's attempts, by number; `lost` attempts run on a machine that is silent until it comes back. */
export type Fate = {
  attempts?: Readonly<Record<number, Behaviour>>;
  lost?: readonly number[];
  answersLost?: readonly number[];
};

type Context = AdvanceContext & { clients: Clients; retention: Retention };

export class World {
  readonly clock: Clock & { jumpTo(nowMs: number): void };
  readonly runner: FolderRunner;
  readonly store: SqliteJobStore;
  readonly objects: FsObjectStore;
  readonly queue: SqliteJobQueue;
  readonly clients: SqliteClients;
  readonly close: () => void;
  readonly #with: WorldOptions;
  readonly #fate: Fate;

  constructor(options: WorldOptions, fate: Fate) {
    this.#with = options;
    this.#fate = fate;
    let nowMs = options.nowMs;
    this.clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, jumpTo: (to) => (nowMs = Math.max(nowMs, to)) };
    const database = openPlatformDatabase(join(options.folder, 'platform.db'));
    this.close = () => database.close();
    this.store = new SqliteJobStore(database, { pools: { cpu: SLOTS }, dataRoot: options.folder });
    this.queue = new SqliteJobQueue(database, this.clock);
    this.clients = new SqliteClients(database);
    this.objects = new FsObjectStore(options.folder);
    this.runner = new FolderRunner(join(options.folder, 'work'), {
      answersLost: ({ epoch }) => fate.answersLost?.includes(epoch) === true,
      silent: (task) => this.#isSilent(task),
    });
  }

  /** As a client does that goes on until it has an answer. */
  async submit(key: string): Promise<JobId> {
    return this.#untilAnswered('submit', async () => {
      const submission = await submissionOf(this.#with.inputPath, { key, nowMs: this.clock.nowMs() });
      const result = await submitJob(this.#context('submit'), submission);
      if (result.kind === 'mismatch') throw new Error('the same payload counts as another one');
      return result.job.jobId;
    });
  }

  /** As the API does it for a client that is never heard of again: the input is stored, and then nothing. */
  async submitHalf(): Promise<void> {
    const jobId = jobIdSchema.parse(randomUUID());
    await this.objects.put(inputKey(jobId), await readFile(this.#with.inputPath), { ifAbsent: true });
  }

  async cancel(jobId: JobId): Promise<void> {
    const ask = () => ({ jobId, clientId: CLIENT_ID, nowMs: this.clock.nowMs() });
    await this.#untilAnswered('cancel', () => cancelJob(this.#context('cancel'), ask()));
  }

  async delete(jobId: JobId): Promise<void> {
    const ask = () => ({ jobId, clientId: CLIENT_ID, nowMs: this.clock.nowMs() });
    await this.#untilAnswered('delete', () => deleteJob(this.#context('delete'), ask()));
  }

  async job(jobId: JobId): Promise<JobRecord> {
    const stored = await this.store.get(jobId);
    if (stored === null) throw new Error('an accepted job is lost');
    return stored.job;
  }

  /** Takes every wake-up out of the queue, as a queue may that loses messages. */
  async loseWakeUps(): Promise<void> {
    for (const delivery of await this.#receive(this.queue)) await delivery.ack();
  }

  /** Silent machines answer again. */
  async hostsComeBack(): Promise<void> {
    await writeFile(this.#hostsFile, '');
  }

  /** Nothing of a job expires before. */
  async taskIsRemoved(jobId: JobId): Promise<void> {
    this.clock.jumpTo(this.clock.nowMs() + LOCAL_POLICY.taskKeptMs);
    await this.turnUntil((job) => !isActive(job), jobId);
  }

  /** What a worker does when a job is over for so long. */
  async expireAt(jobId: JobId, ageMs: number): Promise<void> {
    const { endedAtMs } = await this.job(jobId);
    if (endedAtMs === null) throw new Error('only what is over expires');
    this.clock.jumpTo(endedAtMs + ageMs);
    await this.#expire();
  }

  async turnUntil(isSo: (job: JobRecord) => boolean, jobId: JobId): Promise<void> {
    for (let turns = 0; turns < TURNS_MAX; turns += 1) {
      if (isSo(await this.job(jobId))) return;
      await this.turn();
    }
    throw new Error('a job did not get there in time');
  }

  /** Until nothing is left to be done, all that waits for its time (tasks, clean-up) included; and once more after that. */
  async settle(): Promise<void> {
    for (let rounds = 0; rounds < 3; rounds += 1) {
      for (let turns = 0; turns < 3 || (await this.#isBusy()); turns += 1) {
        if (turns > TURNS_MAX) throw new Error('the platform does not come to rest');
        await this.turn();
      }
      this.clock.jumpTo(this.clock.nowMs() + (rounds === 1 ? 2 * HOUR_MS : LOCAL_POLICY.taskKeptMs));
      await this.#clean();
    }
  }

  /** One round of what workers and machines do all the time. */
  async turn(): Promise<void> {
    await this.#dispatch();
    await this.#machines();
    await this.#watch();
    await this.#try('sweep', async () => {
      await sweep(this.#context('sweep'), { after: null, signal: new AbortController().signal });
    });
    this.clock.jumpTo(this.clock.nowMs() + TURN_MS);
  }

  async #isBusy(): Promise<boolean> {
    const active = await this.store.listActive({ limit: 100 });
    return active.some((job) => isActive({ ...job, leftovers: [], deletion: null })) || (await this.queue.depth()) > 0;
  }

  /** What a worker does with a wake-up. */
  async #dispatch(): Promise<void> {
    const { queue } = this.#context('dispatch');
    const deliveries = (await this.#try('dispatch', () => this.#receive(queue))) ?? [];
    for (const delivery of deliveries) {
      await this.#try('dispatch', async () => {
        const advanced = await this.#try('advance', () => advance(this.#context('advance'), delivery.jobId));
        const againMs = redeliveryMs(advanced);
        await (againMs === null ? delivery.ack() : delivery.release(againMs));
      });
    }
  }

  /** What a worker does for the jobs it has begun. */
  async #watch(): Promise<void> {
    for (const { jobId, phase } of await this.store.listActive({ limit: 100 })) {
      if (phase !== 'queued') await this.#try('advance', () => advance(this.#context('advance'), jobId));
    }
  }

  async #machines(): Promise<void> {
    for (const task of await this.runner.folders()) {
      if (await task.isStagedElsewhere()) continue;
      const catalogue = new Catalogue([MANIFEST]);
      const context = { ...this.#context('stage-out'), catalogue };
      await this.#try('stage-out', () => workOn(context, task, this.#fate.attempts?.[task.id.epoch] ?? 'ends'));
    }
  }

  async #clean(): Promise<void> {
    await this.#try('clean', async () => {
      for await (const _round of removeForgottenInputs(this.#context('clean')));
      await removeForgottenTasks(this.#context('clean'));
      await this.objects.sweepTemp(this.clock.nowMs());
    });
  }

  /** Until nothing is due: a pass that failed is followed by another. */
  async #expire(): Promise<void> {
    const { signal } = new AbortController();
    for (let passes = 0; passes < TURNS_MAX; passes += 1) {
      const expired = await this.#try('expire', () => expire(this.#context('expire'), { after: null, signal }));
      if (expired !== null && expired.jobs + expired.records + expired.failed === 0) return;
    }
    throw new Error('what is due is not removed');
  }

  #receive(queue: Pick<SqliteJobQueue, 'receive'>): Promise<Delivery[]> {
    return queue.receive({ max: 10, waitMs: 0, signal: new AbortController().signal });
  }

  #context(operation: string): Context {
    const { store, queue, runner, objects, clients, clock } = this;
    const ports = { store, queue, runner, objects, clients, clock };
    const context = { ...ports, policy: LOCAL_POLICY, retention: DEFAULT_RETENTION, log: () => {} };
    return withFailpoints<Context>(context, operation, this.#with.visit);
  }

  async #untilAnswered<T>(operation: string, ask: () => Promise<T>): Promise<T> {
    for (let tries = 0; tries < 3; tries += 1) {
      const answer = await this.#try(operation, async () => ({ it: await ask() }));
      if (answer !== null) return answer.it;
    }
    throw new Error('a client gets no answer');
  }

  /** Null when it failed, which a worker logs and an API answers with 500. */
  async #try<T>(operation: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      this.#with.onFailure(operation, error);
      return null;
    }
  }

  async #isSilent({ epoch }: AttemptId): Promise<boolean> {
    return this.#fate.lost?.includes(epoch) === true && !(await isThere(this.#hostsFile));
  }

  get #hostsFile(): string {
    return join(this.#with.folder, 'hosts-are-back');
  }
}

/** As the dispatch loop has it; null = the message has done its work. */
function redeliveryMs(advanced: Advanced | null): number | null {
  if (advanced === null || advanced.kind === 'stale') return 1_000;
  return advanced.kind === 'full' ? 60_000 : null;
}
