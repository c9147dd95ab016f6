import { MemoryJobQueue } from '@bpi/adapters-memory';
import type { JobRecord } from '@bpi/job-contract';
import type { Delivery, JobQueue } from '@bpi/jobs';
import { nameOf } from './naming.ts';
import type { Random } from './random.ts';
import { START_MS, type SimulatedProcess } from './simulated-process.ts';
import type { VirtualTime } from './virtual-time.ts';
import { SimulatedFault, type Wire } from './wire.ts';

const VISIBILITY_TIMEOUT_MS = 30_000;
const LATE_MS = 60_000;
const NEVER = new AbortController().signal;

type Receiver = { max: number; take: (deliveries: Delivery[]) => void };

/** The queue itself: messages, and who waits for one. */
export class QueueServer {
  readonly messages: MemoryJobQueue;
  readonly #time: VirtualTime;
  readonly #receivers = new Set<Receiver>();

  constructor(time: VirtualTime) {
    this.#time = time;
    const clock = { nowMs: () => START_MS + time.nowMs, monotonicMs: () => time.nowMs };
    this.messages = new MemoryJobQueue(clock, { visibilityTimeoutMs: VISIBILITY_TIMEOUT_MS });
  }

  /** Some message is visible then. */
  visibleIn(delayMs: number): void {
    this.#time.after(delayMs, () => void this.#serve());
  }

  /** Hands over messages once there are some, or none when the time is over. */
  wait(max: number, waitMs: number, take: (deliveries: Delivery[]) => void): () => void {
    const receiver: Receiver = {
      max,
      take: (deliveries) => {
        if (this.#receivers.delete(receiver)) take(deliveries);
      },
    };
    this.#receivers.add(receiver);
    this.#time.after(waitMs, () => receiver.take([]));
    void this.#serve();
    return () => receiver.take([]);
  }

  async #serve(): Promise<void> {
    for (const receiver of [...this.#receivers]) {
      if (!this.#receivers.has(receiver)) continue;
      const deliveries = await this.messages.receive({ max: receiver.max, waitMs: 0, signal: NEVER });
      if (deliveries.length === 0) return;
      this.visibleIn(VISIBILITY_TIMEOUT_MS);
      receiver.take(deliveries);
    }
  }
}

/** The JobQueue as one program sees it: messages get lost, doubled and late. */
export class SimulatedJobQueue implements JobQueue {
  readonly #process: SimulatedProcess;
  readonly #wire: Wire;
  readonly #server: QueueServer;
  readonly #random: Random;

  constructor(process: SimulatedProcess, parts: { wire: Wire; queue: QueueServer; random: Random }) {
    this.#process = process;
    this.#wire = parts.wire;
    this.#server = parts.queue;
    this.#random = parts.random;
  }

  send(job: Pick<JobRecord, 'jobId' | 'clientId'>, delayMs: number): Promise<void> {
    const { messageLost, messageTwice, messageLate } = this.#wire.weather;
    const copies = this.#random.chance(messageLost) ? 0 : this.#random.chance(messageTwice) ? 2 : 1;
    const lateMs = this.#random.chance(messageLate) ? this.#random.between(0, LATE_MS) : 0;
    return this.#wire.call(this.#process, {
      what: `queue.send ${nameOf(job.jobId)} in ${delayMs} ms, ${copies} × ${lateMs} ms late`,
      effect: async () => {
        for (let copy = 0; copy < copies; copy += 1) await this.#server.messages.send(job, delayMs + lateMs);
        if (copies > 0) this.#server.visibleIn(delayMs + lateMs);
      },
    });
  }

  async receive(ask: { max: number; waitMs: number; signal: AbortSignal }): Promise<Delivery[]> {
    const deliveries = await this.#take(ask);
    return deliveries.map((delivery) => this.#over(delivery));
  }

  async depth(): Promise<number> {
    return this.#server.messages.depth();
  }

  /** A long poll: the answer may get lost, and its messages come back later. */
  #take(ask: { max: number; waitMs: number; signal: AbortSignal }): Promise<Delivery[]> {
    const process = this.#process;
    return new Promise((resolve, reject) => {
      const end = this.#server.wait(ask.max, ask.waitMs, (deliveries) => {
        ask.signal.removeEventListener('abort', end);
        const { callLost, answerLost } = this.#wire.weather;
        const isLost = this.#random.chance(callLost + answerLost);
        process.timers.after(this.#random.between(1, 10), () => {
          if (isLost) reject(new SimulatedFault());
          else resolve(deliveries);
        });
      });
      ask.signal.addEventListener('abort', end);
    });
  }

  #over(delivery: Delivery): Delivery {
    const name = nameOf(delivery.jobId);
    return {
      jobId: delivery.jobId,
      receivedCount: delivery.receivedCount,
      ack: () => this.#wire.call(this.#process, { what: `queue.ack ${name}`, effect: () => delivery.ack() }),
      release: (delayMs) =>
        this.#wire.call(this.#process, {
          what: `queue.release ${name} for ${delayMs} ms`,
          effect: async () => {
            await delivery.release(delayMs);
            this.#server.visibleIn(delayMs);
          },
        }),
    };
  }
}
