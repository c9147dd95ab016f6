import type { Readable } from 'node:stream';

export type ObjectInfo = { bytes: number; /** hexadecimal */ sha256: string };

/** A file of this machine that is synced and that nobody changes any more, and what it holds. */
export type SettledFile = { readonly path: string } & Readonly<ObjectInfo>;

/** What can be stored: a stream is read once, the others may be stored again. */
export type ObjectBody = Readable | Uint8Array | SettledFile;

export type PutResult =
  | ({ kind: 'stored' } & ObjectInfo)
  /** `ifAbsent` was asked and the key is taken; what lies there is unchanged. */
  | { kind: 'exists' };

export type ByteRange = { start: number; /** inclusive */ end: number };

/** Raised by `get` and `copy` for a key that holds nothing. */
export class ObjectNotFound extends Error {
  override readonly name = 'ObjectNotFound';
  readonly code = 'object_not_found';
  constructor() {
    super('No object lies under this key.');
  }
}

/** Files by key. A key appears whole or not at all; what a reader opened does not change under it. */
export interface ObjectStore {
  /**
   * Stores a body under the key. A failed or aborted put leaves what was there before. Durable when resolved. A settled
   * file keeps its name, but may become the object itself: its name may be removed afterwards, its bytes never changed.
   */
  put(key: string, body: ObjectBody, how: { ifAbsent: boolean }): Promise<PutResult>;

  /** The bytes, or the given part of them: its end is clipped to the object, a start behind it is a RangeError. Throws ObjectNotFound. */
  get(key: string, range?: ByteRange): Promise<Readable>;

  head(key: string): Promise<ObjectInfo | null>;

  /** Keys under a prefix in ascending order, with size and time of writing. */
  list(prefix: string): AsyncIterable<{ key: string; bytes: number; modifiedAtMs: number }>;

  /** Shows one object under a second key too, replacing what lies there. Throws ObjectNotFound. */
  copy(from: string, to: string): Promise<void>;

  /** Removes these objects; a key that holds nothing is no error, so it may be repeated. */
  delete(keys: readonly string[]): Promise<void>;

  /** Removes everything under a prefix, which names a whole folder (ends in `/`). Safe to repeat. */
  deletePrefix(prefix: string): Promise<void>;

  /** A link that needs no key of ours and ends by itself, or null where the backend has none (bytes go through the API). */
  signDownload(key: string, as: { fileName: string; mediaType: string; ttlMs: number }): Promise<string | null>;
}

export function isSettledFile(body: ObjectBody): body is SettledFile {
  return 'sha256' in body;
}
