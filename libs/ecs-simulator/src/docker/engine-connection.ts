import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** While the engine starts containers it answers late; one that says nothing for so long is stuck. */
const CALL_TIMEOUT_MS = 30_000;
const RETRY_MS = 200;

/** The engine does not do what was asked. The message says what to do about it. */
export class DockerEngineError extends Error {
  override readonly name = 'DockerEngineError';
}

/** Outlives a restart of the engine: a call that nobody answered is made again, for a while. */
export class EngineConnection {
  readonly #closing = new AbortController();
  readonly #reconnectLimitMs: number;

  /** @param reconnectLimitMs how long nobody may answer before a call fails */
  constructor(reconnectLimitMs: number) {
    this.#reconnectLimitMs = reconnectLimitMs;
    setMaxListeners(0, this.#closing.signal); // one per container that is waited for
  }

  /** Aborted by `close`. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  close(): void {
    this.#closing.abort(new DockerEngineError('The engine was closed while a container was waited for.'));
  }

  /**
   * Makes a call that is safe to repeat until the engine answers it. An answer that is an error is raised.
   * @param call gets a signal that ends it when the engine is silent for too long
   */
  async persist<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    let lostAtMs: number | null = null;
    for (;;) {
      this.closed.throwIfAborted();
      try {
        return await call(AbortSignal.timeout(CALL_TIMEOUT_MS));
      } catch (error) {
        if (isAnswer(error)) throw error;
        lostAtMs ??= performance.now();
        if (performance.now() - lostAtMs > this.#reconnectLimitMs) throw unreachable(error);
        await this.pause();
      }
    }
  }

  /** Before the engine is asked again. */
  async pause(): Promise<void> {
    await delay(RETRY_MS, undefined, { signal: this.closed });
  }
}

/** The HTTP status of an engine's answer, or null for an error that is none (no connection, aborted). */
export function engineStatus(error: unknown): number | null {
  if (!(error instanceof Error) || !('statusCode' in error)) return null;
  return typeof error.statusCode === 'number' ? error.statusCode : null;
}

/** False if nobody answered: the call says nothing about the container. */
export function isAnswer(error: unknown): boolean {
  return engineStatus(error) !== null || error instanceof DockerEngineError;
}

/** What the engine says in an answer that is an error; null if it gave none. */
export function engineMessage(error: unknown): string | null {
  if (!(error instanceof Error) || !('json' in error)) return null;
  const { json } = error;
  if (typeof json !== 'object' || json === null || !('message' in json)) return null;
  return typeof json.message === 'string' ? json.message.trim() : null;
}

/** Null for the given answers of the engine, which say that there is nothing to do; others are raised. */
export function unless(...statuses: number[]): (error: unknown) => null {
  return (error) => {
    const status = engineStatus(error);
    if (status !== null && statuses.includes(status)) return null;
    throw error;
  };
}

function unreachable(cause: unknown): DockerEngineError {
  return new DockerEngineError(
    'No Docker engine answers. Start it, or check the socket and the permission to use it.',
    { cause },
  );
}
