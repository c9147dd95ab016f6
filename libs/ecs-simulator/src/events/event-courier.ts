import type { FaultPlan } from '../fault-plan.ts';
import type { Timers } from '../timers.ts';
import type { EcsEvent, EventSink } from './event.ts';

export type EventCounts = { sent: number; lost: number; failed: number };

/** More events may not wait for a slow sink; the oldest is lost then, as after EventBridge's last retry. */
const WAITING_MAX = 10_000;
/** An event that is to come after the next one is sent after this time if there is no next one. */
const REORDER_MS_MAX = 50;

/** Brings events to the sink one after the other, as well or badly as the fault plan has it. */
export class EventCourier {
  readonly counts: EventCounts = { sent: 0, lost: 0, failed: 0 };
  readonly #sink: EventSink;
  readonly #timers: Timers;
  readonly #waiting: EcsEvent[] = [];
  #held: EcsEvent | null = null;
  #sending = false;
  #closed = false;

  constructor(sink: EventSink, timers: Timers) {
    this.#sink = sink;
    this.#timers = timers;
  }

  send(event: EcsEvent, faults: FaultPlan | null): void {
    const fate = faults?.forEvent() ?? { kind: 'sent' };
    switch (fate.kind) {
      case 'lost':
        this.counts.lost += 1;
        return;
      case 'delayed':
        this.#timers.after(fate.delayMs, () => this.#queue(event));
        return;
      case 'reordered':
        this.#release();
        this.#held = event;
        this.#timers.after(REORDER_MS_MAX, () => this.#release(event));
        return;
      case 'duplicated':
        this.#queue(event);
        this.#queue(event);
        break;
      case 'sent':
        this.#queue(event);
        break;
    }
    this.#release();
  }

  /** What still waits is lost. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  /** Sends the event that was held back; only this one, if one is named. */
  #release(only?: EcsEvent): void {
    const held = this.#held;
    if (held === null || (only !== undefined && held !== only)) return;
    this.#held = null;
    this.#queue(held);
  }

  #queue(event: EcsEvent): void {
    if (this.#closed) return;
    if (this.#waiting.length >= WAITING_MAX) {
      this.#waiting.shift();
      this.counts.lost += 1;
    }
    this.#waiting.push(event);
    if (!this.#sending) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
      try {
        await this.#sink(event);
        this.counts.sent += 1;
      } catch {
        // Counted, so that a test can ask for it; an event is a hint and a lost one must not stop the simulation.
        this.counts.failed += 1;
      }
    }
    this.#sending = false;
  }
}
