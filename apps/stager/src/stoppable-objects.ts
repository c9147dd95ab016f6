import { addAbortSignal, Readable } from 'node:stream';
import type { ByteRange, ObjectBody, ObjectInfo, ObjectStore, PutResult } from '@bpi/jobs';

/**
 * An object store that a signal ends: what is on its way is broken off, and nothing begins any more. One key may be
 * put in spite of it: a report comes last, so when it is put everything else is stored already.
 */
export class StoppableObjects implements ObjectStore {
  readonly #objects: ObjectStore;
  readonly #signal: AbortSignal;
  readonly #lastKey: string;

  constructor(objects: ObjectStore, stop: { signal: AbortSignal; lastKey: string }) {
    this.#objects = objects;
    this.#signal = stop.signal;
    this.#lastKey = stop.lastKey;
  }

  async put(key: string, body: ObjectBody, how: { ifAbsent: boolean }): Promise<PutResult> {
    if (key !== this.#lastKey) {
      if (body instanceof Readable) this.#endWithSignal(body);
      this.#signal.throwIfAborted();
    }
    return this.#objects.put(key, body, how);
  }

  async get(key: string, range?: ByteRange): Promise<Readable> {
    this.#signal.throwIfAborted();
    return this.#endWithSignal(await this.#objects.get(key, range));
  }

  async head(key: string): Promise<ObjectInfo | null> {
    this.#signal.throwIfAborted();
    return this.#objects.head(key);
  }

  list(prefix: string): AsyncIterable<{ key: string; bytes: number; modifiedAtMs: number }> {
    this.#signal.throwIfAborted();
    return this.#objects.list(prefix);
  }

  async copy(from: string, to: string): Promise<void> {
    this.#signal.throwIfAborted();
    return this.#objects.copy(from, to);
  }

  async delete(keys: readonly string[]): Promise<void> {
    this.#signal.throwIfAborted();
    return this.#objects.delete(keys);
  }

  async deletePrefix(prefix: string): Promise<void> {
    this.#signal.throwIfAborted();
    return this.#objects.deletePrefix(prefix);
  }

  async signDownload(key: string, as: { fileName: string; mediaType: string; ttlMs: number }): Promise<string | null> {
    this.#signal.throwIfAborted();
    return this.#objects.signDownload(key, as);
  }

  /** The error that ends it has no listener before somebody reads it, and must not end the process. */
  #endWithSignal(stream: Readable): Readable {
    stream.on('error', () => {});
    return addAbortSignal(this.#signal, stream);
  }
}
