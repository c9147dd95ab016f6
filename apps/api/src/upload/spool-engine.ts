import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { StorageEngine } from 'multer';

export type Spooled = { bytes: number; sha256: string };

/**
 * A multer storage engine that writes the one file part to an open scratch file while counting and hashing.
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
  const hash = createHash('sha256');
  let bytes = 0;
  // Not destroyed on a failed write: the parser treats a destroyed part as its own error and hides the cause.
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    hash.update(chunk);
    bytes += chunk.length;
    await handle.writeFile(chunk);
  }
  return { bytes, sha256: hash.digest('hex') };
}
