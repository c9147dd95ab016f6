import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { hasCode } from './error-code.ts';

/** Neither through a link, nor waiting for the other end of a pipe. */
const UNTRUSTED = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What a model can leave under a name instead of a file: a link, a socket, a folder, or one that it closed. */
const NO_FILE_CODES = ['ELOOP', 'ENXIO', 'EISDIR', 'EACCES'] as const;

/**
 * The first `bytesMax` bytes of a file that a model may have put there, and how long it is in all; `absent` = nothing
 * has that name, `not_regular` = something that is no file to be read.
 */
export async function readUntrusted(
  path: string,
  bytesMax: number,
): Promise<{ head: Buffer; bytes: number } | 'absent' | 'not_regular'> {
  const file = await openUntrusted(path);
  if (typeof file === 'string') return file;
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return 'not_regular';
    return { head: await readHead(file, Math.min(stats.size, bytesMax)), bytes: stats.size };
  } finally {
    await file.close();
  }
}

async function openUntrusted(path: string): Promise<FileHandle | 'absent' | 'not_regular'> {
  try {
    return await open(path, UNTRUSTED);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'absent';
    if (hasCode(error, ...NO_FILE_CODES)) return 'not_regular';
    throw error;
  }
}

async function readHead(file: FileHandle, length: number): Promise<Buffer> {
  const head = Buffer.alloc(length);
  let bytes = 0;
  while (bytes < length) {
    const { bytesRead } = await file.read(head, bytes, length - bytes, bytes);
    if (bytesRead === 0) break;
    bytes += bytesRead;
  }
  return head.subarray(0, bytes);
}
