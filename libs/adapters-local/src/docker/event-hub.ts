import { once } from 'node:events';
import type { TaskEvent } from '@bpi/jobs';

/** Events are hints, so a reader that is too slow loses the oldest. */
const BUFFERED_MAX = 1_000;

/** Hands every event to every reader that is there. */
export class EventHub {
  readonly #readers = new Set<(event: TaskEvent) => void>();

  emit(event: TaskEvent): void {
    for (const deliver of this.#readers) deliver(event);
  }

  /** Subscribes at once, not at the first read: nothing that happens after this call is missed. */
  read(signal: AbortSignal): AsyncIterable<TaskEvent> {
    const buffered: TaskEvent[] = [];
    const bell = new EventTarget();
    const deliver = (event: TaskEvent) => {
      if (buffered.length >= BUFFERED_MAX) buffered.shift();
      buffered.push(event);
      bell.dispatchEvent(new Event('event'));
    };
    this.#readers.add(deliver);
    signal.addEventListener('abort', () => this.#readers.delete(deliver), { once: true });
    if (signal.aborted) this.#readers.delete(deliver);
    const readers = this.#readers;
    return (async function* () {
      try {
        while (!signal.aborted) {
          const event = buffered.shift();
          if (event !== undefined) yield event;
          else await once(bell, 'event', { signal }).catch(() => undefined); // rejects on abort: the loop ends
        }
      } finally {
        readers.delete(deliver);
      }
    })();
  }
}
