import type { Timers } from './timers.ts';

/**
 * Lets one loop sleep until something happened, a time passed, or it is to end; whichever comes first. What happens while
 * the loop is awake ends its next sleep at once: the round under way may have looked too early.
 */
export class Notifier {
  readonly #waiting = new Set<() => void>();
  #missed = false;

  notify(): void {
    if (this.#waiting.size === 0) this.#missed = true;
    for (const wake of [...this.#waiting]) wake();
  }

  wait(ms: number, { signal, timers }: { signal: AbortSignal; timers: Timers }): Promise<void> {
    if (signal.aborted || this.#missed) {
      this.#missed = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const cancel = timers.after(ms, wake);
      signal.addEventListener('abort', wake);
      this.#waiting.add(wake);
    });
  }
}
