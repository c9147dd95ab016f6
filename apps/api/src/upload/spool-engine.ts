import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { StorageEngine } from 'multer';

export type Spooled = { bytes: number };

/** Gathered at most while the disk is busy; then the client waits. An upload's memory is twice this. */
const GATHERED_BYTES_MAX = 256 * 1024;

/**
 * A multer storage engine that writes the one file part to an open scratch file while counting.
 * It keeps nothing of what the client said about the file. Who opened the handle closes it and removes the file.
 */
export function spoolEngine(handle: FileHandle, done: (spooled: Spooled) => void): StorageEngine {
  return {
    _handleFile(_req, file, callback) {
      spool(file.stream, handle).then(
        (spooled) => {
          done(spooled);
          callback(null, {});
        },
        (error: unknown) => {
          // The engine's contract: leave no part unread, or the parser never gets to its end.
          file.stream.resume();
          callback(error);
        },
      );
    },
    _removeFile(_req, _file, callback) {
      callback(null);
    },
  };
}

async function spool(stream: Readable, handle: FileHandle): Promise<Spooled> {
  const writer = new GatheringWriter(handle);
  let bytes = 0;
  try {
    // Not destroyed on a failed write: the parser treats a destroyed part as its own error and hides the cause.
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      bytes += chunk.length;
      await writer.add(chunk);
    }
  } finally {
    // Also when the part broke off: who closes the handle must not meet a write that is under way.
    await writer.settle();
  }
  return { bytes };
}

/**
 * Writes what it is given in order. The parser hands out 64 KiB at a time, and each write costs a way to another
 * thread and back: what comes while one is under way goes into the next one together.
 */
class GatheringWriter {
  readonly #handle: FileHandle;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #writing: Promise<void> | null = null;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Resolves when there is room for more. */
  async add(chunk: Buffer): Promise<void> {
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.length;
    if (this.#writing === null) {
      this.#writing = this.#writeGathered();
      this.#writing.catch(() => undefined); // whoever waits for it next sees the error
    }
    if (this.#gatheredBytes >= GATHERED_BYTES_MAX) await this.#writing;
  }

  /** Resolves when everything is written and nothing is under way. */
  async settle(): Promise<void> {
    await this.#writing;
  }

  async #writeGathered(): Promise<void> {
    while (this.#gatheredBytes > 0) {
      const [chunks, bytes] = [this.#gathered, this.#gatheredBytes];
      [this.#gathered, this.#gatheredBytes] = [[], 0];
      const { bytesWritten } = await this.#handle.writev(chunks);
      // The system may stop short, as on a disk that is almost full.
      if (bytesWritten < bytes) await this.#handle.writeFile(Buffer.concat(chunks).subarray(bytesWritten));
    }
    this.#writing = null;
  }
}
