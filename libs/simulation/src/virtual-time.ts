type Event = { readonly atMs: number; readonly sequence: number; action: (() => void) | null };

/**
 * The only time of a simulation. Events happen in the order of their times, those of one time in the order in which they
 * were planned; after each one everything that was waiting for a promise goes on before the next one happens. Nothing
 * else moves, so the order of all things follows from the seed alone.
 */
export class VirtualTime {
  /** A binary heap: the next event first. */
  readonly #events: Event[] = [];
  #nowMs = 0;
  #sequence = 0;
  #happened = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that happened. */
  get happened(): number {
    return this.#happened;
  }

  /** Plans the action; the function that is returned takes it back. */
  after(delayMs: number, action: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)), sequence: this.#sequence, action };
    this.#sequence += 1;
    this.#push(event);
    return () => {
      event.action = null;
    };
  }

  /** Lets time pass to `untilMs`, or until `isOver` says so after an event. */
  run(untilMs: number, isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        try {
          const next = this.#events[0];
          if (isOver()) resolve();
          else if (next === undefined || next.atMs > untilMs) {
            this.#nowMs = Math.max(this.#nowMs, untilMs);
            resolve();
          } else {
            this.#happen();
            // Comes after every promise and tick that the event set going, and after those that these set going.
            setImmediate(turn);
          }
        } catch (error) {
          reject(error);
        }
      };
      setImmediate(turn);
    });
  }

  #happen(): void {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return;
      this.#nowMs = event.atMs;
      if (event.action === null) {
        // Taken back: costs no turn, unless time would have to stand still for it.
        if (this.#events[0]?.atMs === event.atMs) continue;
        return;
      }
      this.#happened += 1;
      event.action();
      return;
    }
  }

  #push(event: Event): void {
    const heap = this.#events;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#events;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const [a, b] = [heap[left], heap[left + 1]];
      if (a === undefined) break;
      const [child, below] = b !== undefined && isBefore(b, a) ? [left + 1, b] : [left, a];
      if (isBefore(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
