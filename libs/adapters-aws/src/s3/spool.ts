import { createHash, randomUUID } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** Objects up to this size go up in one request, larger ones in parts of this size; S3 takes 5 MiB to 5 GiB. */
export const PART_BYTES = 16 * 1024 * 1024;
/** As much as one CopyObject can copy; the largest artifact is below 2 GiB. */
export const OBJECT_BYTES_MAX = 5 * 1024 * 1024 * 1024;
const FIRST_BUFFER_BYTES = 64 * 1024;

export type Part = {
  /** Counted from 1, as S3 does. */
  number: number;
  /** Where it begins in the object. */
  start: number;
  bytes: number;
  /** Base64, as S3's checksum fields want it. */
  sha256: string;
};

/** A body whose size and digests are known before its first byte is sent, and that can be read again for a retry. */
export type Spooled = {
  bytes: number;
  /** hexadecimal */
  sha256: string;
  /** In order and without gaps; one part, also for an empty body, is a small object. */
  parts: readonly Part[];
  read(part: Part): Promise<Uint8Array>;
  /** Gives the scratch space back. Safe to repeat. */
  close(): Promise<void>;
};

export type SpoolOptions = {
  /** A folder for bodies above `PART_BYTES`; up to `OBJECT_BYTES_MAX` for each put at a time. */
  scratchDir: string;
  /** Asked once, when a stream turns out to be large, before anything is written. */
  goOnWhenLarge: () => Promise<boolean>;
};

/**
 * Takes a body in. Bytes stay where they are; a stream stays in memory up to `PART_BYTES`, and goes to an unnamed
 * file beyond that. The digests are of the bytes as they came: S3 checks every part against them, so a fault of the
 * scratch disk cannot reach an object.
 * @returns null if `goOnWhenLarge` said no. The stream is destroyed, whatever happens.
 */
export async function spool(body: Readable | Uint8Array, options: SpoolOptions): Promise<Spooled | null> {
  if (body instanceof Uint8Array) return spooledBytes(body, options);
  const stream = new StreamSpool(options.scratchDir);
  try {
    for await (const chunk of chunksOf(body)) {
      if (stream.isAboutToGrowLarge(chunk) && !(await options.goOnWhenLarge())) {
        await stream.close();
        return null;
      }
      await stream.append(chunk);
    }
    return await stream.finish();
  } catch (error) {
    await stream.close();
    throw error;
  } finally {
    discard(body);
  }
}

async function spooledBytes(content: Uint8Array, options: SpoolOptions): Promise<Spooled | null> {
  assertSize(content.length);
  if (content.length > PART_BYTES && !(await options.goOnWhenLarge())) return null;
  const digests = new Digests();
  const slice = (start: number) => content.subarray(start, start + PART_BYTES);
  for (let start = 0; start < content.length || start === 0; start += PART_BYTES) digests.add(slice(start));
  return { ...digests.finish(), read: async (part) => slice(part.start), close: async () => {} };
}

/** The digests of the whole and of each part, in one pass. */
class Digests {
  readonly #whole = createHash('sha256');
  readonly #parts: Part[] = [];
  #bytes = 0;

  add(content: Uint8Array): void {
    this.#whole.update(content);
    const sha256 = createHash('sha256').update(content).digest('base64');
    this.#parts.push({ number: this.#parts.length + 1, start: this.#bytes, bytes: content.length, sha256 });
    this.#bytes += content.length;
  }

  finish(): Pick<Spooled, 'bytes' | 'sha256' | 'parts'> {
    return { bytes: this.#bytes, sha256: this.#whole.digest('hex'), parts: this.#parts };
  }
}

/** Cuts a stream into parts with one buffer; a full part goes to the file as soon as one more byte comes. */
class StreamSpool {
  readonly #scratchDir: string;
  readonly #digests = new Digests();
  #buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES);
  #filled = 0;
  #written = 0;
  #file: FileHandle | null = null;

  constructor(scratchDir: string) {
    this.#scratchDir = scratchDir;
  }

  isAboutToGrowLarge(chunk: Uint8Array): boolean {
    return this.#file === null && this.#filled + chunk.length > PART_BYTES;
  }

  async append(chunk: Uint8Array): Promise<void> {
    assertSize(this.#written + this.#filled + chunk.length);
    for (let at = 0; at < chunk.length;) {
      if (this.#filled === PART_BYTES) await this.#flush();
      const piece = chunk.subarray(at, at + PART_BYTES - this.#filled);
      this.#makeRoom(this.#filled + piece.length);
      this.#buffer.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
    }
  }

  async finish(): Promise<Spooled> {
    if (this.#file === null) {
      const content = this.#buffer.subarray(0, this.#filled);
      this.#digests.add(content);
      return { ...this.#digests.finish(), read: async () => content, close: async () => {} };
    }
    await this.#flush();
    this.#buffer = Buffer.alloc(0); // the parts are read one by one from here on
    return { ...this.#digests.finish(), read: (part) => this.#read(part), close: () => this.close() };
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async #flush(): Promise<void> {
    const content = this.#buffer.subarray(0, this.#filled);
    this.#digests.add(content);
    this.#file ??= await openUnnamed(this.#scratchDir);
    await this.#file.writeFile(content);
    this.#written += content.length;
    this.#filled = 0;
  }

  async #read(part: Part): Promise<Uint8Array> {
    if (this.#file === null) throw new Error('the scratch file is closed: read before close');
    const content = Buffer.allocUnsafe(part.bytes);
    for (let at = 0; at < part.bytes;) {
      const { bytesRead } = await this.#file.read(content, at, part.bytes - at, part.start + at);
      if (bytesRead === 0) throw new Error('the scratch file is shorter than what was written: check the disk');
      at += bytesRead;
    }
    return content;
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.min(PART_BYTES, Math.max(bytes, 2 * this.#buffer.length)));
    larger.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = larger;
  }
}

/** The file loses its name at once, so a crash leaves nothing behind: the system frees it with the process. */
async function openUnnamed(folder: string): Promise<FileHandle> {
  const path = join(folder, `put-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await rm(path, { force: true });
  return file;
}

async function* chunksOf(body: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of body as AsyncIterable<Uint8Array | string>) {
    // a byte stream yields nothing else
    yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  }
}

function assertSize(bytes: number): void {
  if (bytes <= OBJECT_BYTES_MAX) return;
  throw new RangeError('the body is larger than an object may be (5 GiB): store it in several objects');
}

/** Closes a body that nobody will read on, so that no file stays open behind it. */
function discard(body: Readable): void {
  if (body.destroyed) return;
  body.once('error', () => {}); // a file that cannot be opened says so after it was destroyed
  body.destroy();
}
