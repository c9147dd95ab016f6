import { Worker } from 'node:worker_threads';
import type { InputSummary } from '@bpi/volumes';
import { ProblemError } from '../http/problem-error.ts';
import type { CheckReply, CheckRequest } from './check-message.ts';
import { VOLUME_PROBLEMS } from './volume-problems.ts';

export type CheckPoolOptions = {
  /** The thread's program: `check-thread.ts` from source, its bundle in a deployment. */
  entry: URL;
  threads: number;
  /** Checks that may wait for a thread. */
  queueMax: number;
  timeoutMs: number;
};

type Task = {
  request: CheckRequest;
  resolve: (summary: InputSummary) => void;
  reject: (error: Error) => void;
};

/** A place for one thread. It is started when first needed, kept for the next check, replaced when it died. */
type Slot = { worker: Worker | null; task: Task | null; timer: NodeJS.Timeout | undefined };

/** Heap of a thread. The volume itself streams through buffers outside of it. */
const THREAD_HEAP_MIB_MAX = 512;

/** What a thread that died left behind, for the log: its message may quote a client. */
class CheckFailure extends Error {
  override readonly name: string;
  readonly code?: string;

  constructor(reply: Extract<CheckReply, { kind: 'failed' }>) {
    super('The check failed for a reason that is not in the file.');
    this.name = reply.errorName;
    if (reply.errorCode !== undefined) this.code = reply.errorCode;
    this.stack = reply.frames.map((frame) => `    ${frame}`).join('\n');
  }
}

/** Runs checks in a fixed number of threads. */
export class CheckPool {
  readonly #options: CheckPoolOptions;
  readonly #slots: Slot[];
  readonly #queue: Task[] = [];
  #isClosed = false;

  constructor(options: CheckPoolOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.threads }, () => ({ worker: null, task: null, timer: undefined }));
  }

  /**
   * When this settles, no thread touches the two files any more.
   * @throws ProblemError: the file's fault, `unavailable` (queue full, time over, closing), `storage_full`, `internal`
   */
  async rebuild(request: CheckRequest): Promise<InputSummary> {
    if (this.#isClosed || this.#queue.length >= this.#options.queueMax) throw busy();
    return new Promise<InputSummary>((resolve, reject) => {
      this.#queue.push({ request, resolve, reject });
      this.#pump();
    });
  }

  /** Stops every thread; checks under way are refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const task of this.#queue.splice(0)) task.reject(busy());
    await Promise.all(this.#slots.map((slot) => this.#abandon(slot, busy())));
  }

  #pump(): void {
    for (const slot of this.#slots) {
      if (slot.task !== null) continue;
      const task = this.#queue.shift();
      if (task === undefined) return;
      slot.task = task;
      slot.worker ??= this.#startThread(slot);
      slot.timer = setTimeout(() => void this.#abandon(slot, busy()), this.#options.timeoutMs);
      slot.worker.postMessage(task.request);
    }
  }

  #startThread(slot: Slot): Worker {
    const worker = new Worker(this.#options.entry, {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB_MAX },
    });
    const onDeath = (cause: unknown): void => {
      // An abandoned thread was forgotten before it was stopped.
      if (slot.worker === worker) void this.#abandon(slot, new ProblemError('internal', { cause }));
    };
    worker.on('message', (reply: CheckReply) => this.#settle(slot, reply));
    worker.on('error', onDeath);
    worker.on('exit', () => onDeath(new Error('a check thread ended by itself')));
    return worker;
  }

  #settle(slot: Slot, reply: CheckReply): void {
    const { task } = slot;
    if (task === null) return; // answered in the moment in which its time was over
    clearTimeout(slot.timer);
    slot.task = null;
    if (reply.kind === 'rebuilt') task.resolve(reply.summary);
    else task.reject(refusalOf(reply));
    this.#pump();
  }

  /** Takes the slot's thread away and only then answers its task: until it ended it may still write. */
  async #abandon(slot: Slot, error: ProblemError): Promise<void> {
    const { worker, task } = slot;
    clearTimeout(slot.timer);
    slot.worker = null;
    await worker?.terminate();
    if (slot.task !== task) return; // two reasons at once: the first one answered
    slot.task = null;
    task?.reject(error);
    if (!this.#isClosed) this.#pump();
  }
}

function busy(): ProblemError {
  return new ProblemError('unavailable');
}

function refusalOf(reply: Exclude<CheckReply, { kind: 'rebuilt' }>): ProblemError {
  if (reply.kind === 'refused') return new ProblemError(VOLUME_PROBLEMS[reply.code]);
  const cause = new CheckFailure(reply);
  return new ProblemError(reply.errorCode === 'enospc' ? 'storage_full' : 'internal', { cause });
}
