import { Worker } from 'node:worker_threads';
import type { InputSummary } from '@bpi/volumes';
import { ProblemError } from '../http/problem-error.ts';
import type { CheckReply, CheckRequest } from './check-message.ts';
import { VOLUME_PROBLEMS } from './volume-problems.ts';

export type CheckPoolOptions = {
  /** The thread's program: `check-thread.ts` from source, its bundle in a deployment. */
  entry: URL;
  /** For large volumes; small ones have a thread of their own. */
  threads: number;
  /** Checks that may wait for a thread, among the small and among the large ones. */
  queueMax: number;
  timeoutMs: number;
};

/**
 * A volume that declares at most this is small: some tens of milliseconds. One that holds more than it declares is refused
 * where that shows, so nothing large passes as small.
 */
const SMALL_IMGS_BYTES_MAX = 16 * 1024 * 1024;

type Task = {
  request: CheckRequest;
  resolve: (summary: InputSummary) => void;
  reject: (error: Error) => void;
};

/** A place for one thread. It is started when first needed, kept for the next check, replaced when it died. */
type Slot = { worker: Worker | null; task: Task | null; timer: NodeJS.Timeout | undefined };

/** Checks that wait for the same threads. */
type Lane = { readonly slots: readonly Slot[]; readonly queue: Task[] };

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

/**
 * Runs checks in a fixed number of threads. Every file goes to the thread for small ones first, which reads a large one's
 * directory and no further; so a small volume never waits behind gigabytes, whoever sends them.
 */
export class CheckPool {
  readonly #options: CheckPoolOptions;
  readonly #small: Lane = newLane(1);
  readonly #large: Lane;
  #isClosed = false;

  constructor(options: CheckPoolOptions) {
    this.#options = options;
    this.#large = newLane(options.threads);
  }

  /**
   * When this settles, no thread touches the two files any more.
   * @throws ProblemError: the file's fault, `unavailable` (queue full, time over, closing), `storage_full`, `internal`
   */
  async rebuild(request: CheckRequest): Promise<InputSummary> {
    return new Promise<InputSummary>((resolve, reject) => {
      this.#enter(this.#small, { request, resolve, reject });
    });
  }

  /** Stops every thread; checks under way are refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const lanes = [this.#small, this.#large];
    for (const task of lanes.flatMap(({ queue }) => queue.splice(0))) task.reject(busy());
    await Promise.all(lanes.flatMap((lane) => lane.slots.map((slot) => this.#abandon(lane, slot, busy()))));
  }

  #enter(lane: Lane, task: Task): void {
    if (this.#isClosed || lane.queue.length >= this.#options.queueMax) {
      task.reject(busy());
      return;
    }
    lane.queue.push(task);
    this.#pump(lane);
  }

  #pump(lane: Lane): void {
    for (const slot of lane.slots) {
      if (slot.task !== null) continue;
      const task = lane.queue.shift();
      if (task === undefined) return;
      slot.task = task;
      slot.worker ??= this.#startThread(lane, slot);
      slot.timer = setTimeout(() => void this.#abandon(lane, slot, busy()), this.#options.timeoutMs);
      slot.worker.postMessage(lane === this.#small ? asSmall(task.request) : task.request);
    }
  }

  #startThread(lane: Lane, slot: Slot): Worker {
    const worker = new Worker(this.#options.entry, {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB_MAX },
    });
    const onDeath = (cause: unknown): void => {
      // An abandoned thread was forgotten before it was stopped.
      if (slot.worker === worker) void this.#abandon(lane, slot, new ProblemError('internal', { cause }));
    };
    worker.on('message', (reply: CheckReply) => this.#settle(lane, slot, reply));
    worker.on('error', onDeath);
    worker.on('exit', () => onDeath(new Error('a check thread ended by itself')));
    return worker;
  }

  #settle(lane: Lane, slot: Slot, reply: CheckReply): void {
    const { task } = slot;
    if (task === null) return; // answered in the moment in which its time was over
    clearTimeout(slot.timer);
    slot.task = null;
    const isLarge = lane === this.#small && reply.kind === 'refused' && reply.code === 'too_large';
    if (isLarge) this.#enter(this.#large, task);
    else if (reply.kind === 'rebuilt') task.resolve(reply.summary);
    else task.reject(refusalOf(reply));
    this.#pump(lane);
  }

  /** Takes the slot's thread away and only then answers its task: until it ended it may still write. */
  async #abandon(lane: Lane, slot: Slot, error: ProblemError): Promise<void> {
    const { worker, task } = slot;
    clearTimeout(slot.timer);
    slot.worker = null;
    await worker?.terminate();
    if (slot.task !== task) return; // two reasons at once: the first one answered
    slot.task = null;
    task?.reject(error);
    if (!this.#isClosed) this.#pump(lane);
  }
}

function newLane(threads: number): Lane {
  return { queue: [], slots: Array.from({ length: threads }, () => ({ worker: null, task: null, timer: undefined })) };
}

/** The same check, which answers `too_large` to a large volume before it reads it. */
function asSmall(request: CheckRequest): CheckRequest {
  const { policy } = request;
  const imgsBytesMax = Math.min(policy.limits.imgsBytesMax, SMALL_IMGS_BYTES_MAX);
  return { ...request, policy: { ...policy, limits: { ...policy.limits, imgsBytesMax } } };
}

function busy(): ProblemError {
  return new ProblemError('unavailable');
}

function refusalOf(reply: Exclude<CheckReply, { kind: 'rebuilt' }>): ProblemError {
  if (reply.kind === 'refused') return new ProblemError(VOLUME_PROBLEMS[reply.code]);
  const cause = new CheckFailure(reply);
  return new ProblemError(reply.errorCode === 'enospc' ? 'storage_full' : 'internal', { cause });
}
