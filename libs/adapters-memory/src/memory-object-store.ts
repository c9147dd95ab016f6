import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { isObjectKey, isObjectPrefix } from '@bpi/job-contract';
import {
  isSettledFile,
  ObjectNotFound,
  type ByteRange,
  type Clock,
  type ObjectBody,
  type ObjectInfo,
  type ObjectStore,
  type PutResult,
} from '@bpi/jobs';

type Stored = ObjectInfo & { readonly content: Buffer; readonly modifiedAtMs: number };

/** The ObjectStore of tests: whole objects in memory. */
export class MemoryObjectStore implements ObjectStore {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #objects = new Map<string, Stored>();

  constructor(clock: Pick<Clock, 'nowMs'> = { nowMs: () => Date.now() }) {
    this.#clock = clock;
  }

  async put(key: string, body: ObjectBody, how: { ifAbsent: boolean }): Promise<PutResult> {
    assertKey(key);
    const content = await contentOf(body);
    if (how.ifAbsent && this.#objects.has(key)) return { kind: 'exists' };
    const info = { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
    this.#objects.set(key, { ...info, content, modifiedAtMs: this.#clock.nowMs() });
    return { kind: 'stored', ...info };
  }

  async get(key: string, range?: ByteRange): Promise<Readable> {
    const { content } = this.#find(key);
    if (range === undefined) return Readable.from([content], { objectMode: false });
    if (range.start < 0 || range.end < range.start || range.start >= content.length) {
      throw new RangeError('the byte range lies outside the object');
    }
    return Readable.from([content.subarray(range.start, range.end + 1)], { objectMode: false });
  }

  async head(key: string): Promise<ObjectInfo | null> {
    assertKey(key);
    const stored = this.#objects.get(key);
    return stored === undefined ? null : { bytes: stored.bytes, sha256: stored.sha256 };
  }

  async *list(prefix: string): AsyncIterable<{ key: string; bytes: number; modifiedAtMs: number }> {
    assertPrefix(prefix);
    for (const key of [...this.#objects.keys()].filter((name) => name.startsWith(prefix)).sort()) {
      const stored = this.#objects.get(key);
      if (stored !== undefined) yield { key, bytes: stored.bytes, modifiedAtMs: stored.modifiedAtMs };
    }
  }

  async copy(from: string, to: string): Promise<void> {
    assertKey(to);
    this.#objects.set(to, this.#find(from));
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) assertKey(key);
    for (const key of keys) this.#objects.delete(key);
  }

  async deletePrefix(prefix: string): Promise<void> {
    assertPrefix(prefix);
    for (const key of this.#objects.keys()) if (key.startsWith(prefix)) this.#objects.delete(key);
  }

  async signDownload(): Promise<null> {
    return null;
  }

  #find(key: string): Stored {
    assertKey(key);
    const stored = this.#objects.get(key);
    if (stored === undefined) throw new ObjectNotFound();
    return stored;
  }
}

async function contentOf(body: ObjectBody): Promise<Buffer> {
  if (isSettledFile(body)) return readFile(body.path);
  return body instanceof Uint8Array ? Buffer.from(body) : readAll(body);
}

async function readAll(body: Readable): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body as AsyncIterable<Uint8Array | string>) {
    // a byte stream yields nothing else
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  }
  return Buffer.concat(chunks);
}

function assertKey(key: string): void {
  if (!isObjectKey(key)) throw new Error('not an object key: use lower-case parts of letters, digits, "-_." and "/"');
}

function assertPrefix(prefix: string): void {
  if (!isObjectPrefix(prefix)) throw new Error('not an object prefix: name a whole folder, ending in "/"');
}
