import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

import { VolumeError } from './volume-error.ts';

/** Large enough that a gigabyte is a few thousand reads, small enough to stay out of sight in memory. */
const READ_CHUNK_BYTES = 256 * 1024;

/**
 * Opens a file that somebody else may have written: no links, no devices, no pipe that would block.
 * Throws `file_missing`, `file_not_regular` or `too_large`.
 */
export async function openRegularFile(
  path: string,
  fileBytesMax: number,
): Promise<{ handle: FileHandle; bytes: number }> {
  const handle = await openWithoutFollowing(path);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new VolumeError('file_not_regular');
    if (stats.size > fileBytesMax) throw new VolumeError('too_large');
    return { handle, bytes: stats.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openWithoutFollowing(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') throw new VolumeError('file_missing');
    // ELOOP: a link. ENXIO: a socket. ENOTDIR: a path that runs through a file.
    if (code === 'ELOOP' || code === 'ENXIO' || code === 'ENOTDIR') throw new VolumeError('file_not_regular');
    throw error;
  }
}

/** The `code` of an error of Node itself. Not by `instanceof`: such errors may come from another realm. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * The bytes `[start, start + length)`; a file that ends earlier was cut off. One buffer is filled again and again: a chunk
 * is valid only until the next one is asked for.
 */
export async function* lendRange(
  handle: FileHandle,
  range: { readonly start: number; readonly length: number },
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const end = range.start + range.length;
  const chunk = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, range.length));
  let position = range.start;
  while (position < end) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, end - position), position);
    if (bytesRead === 0) throw new VolumeError('zip_truncated');
    position += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

/** The same in chunks that may be kept. */
export async function* readRange(...range: Parameters<typeof lendRange>): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of lendRange(...range)) yield Buffer.from(chunk);
}

/** Exactly `length` bytes at `start`. */
export async function readExactly(
  handle: FileHandle,
  range: { readonly start: number; readonly length: number },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readRange(handle, range)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Creates a file that must not exist, and makes its bytes durable before it resolves.
 * Whatever goes wrong while writing, the file is gone again.
 */
export async function createFile<T>(path: string, write: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, 'wx+');
  let written = false;
  try {
    const result = await write(handle);
    await handle.sync();
    written = true;
    return result;
  } finally {
    await handle.close();
    if (!written) await rm(path, { force: true });
  }
}

/** Writes all of `bytes` at `position`, however often the system stops short. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
