import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, unlessMissing } from './error-code.ts';

export const OUTPUT_LIMITS = {
  /** A model leaves a handful of files; more is a fault of its own and would make measuring slow. */
  entriesMax: 10_000,
  depthMax: 16,
} as const;

/** Why an entry cannot be looked at although it is there. */
const CLOSED_CODES = ['EACCES', 'ENAMETOOLONG'] as const;

const BLOCK_BYTES = 512;

/**
 * Whether a folder that somebody untrusted writes holds more than it may: in bytes, entries or depth. Follows no
 * link. A sparse file counts with its full length, because whoever reads it reads all of that. A folder that cannot be
 * looked into (a worker without root and a model that closed it, or a path that is too long) is too large: anything may
 * lie there.
 */
export async function exceedsLimits(folder: string, bytesMax: number): Promise<boolean> {
  let bytes = 0;
  let entries = 0;
  const todo = [{ path: folder, depth: 0 }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (next.depth > OUTPUT_LIMITS.depthMax) return true;
    const dir = await opendir(next.path).catch(whyNot);
    if (dir === 'closed') return true;
    if (dir === 'gone') continue;
    for await (const entry of dir) {
      const path = join(next.path, entry.name);
      entries += 1;
      if (entry.isDirectory()) todo.push({ path, depth: next.depth + 1 });
      const info = await lstat(path).catch(whyNot);
      if (info === 'closed') return true;
      if (info !== 'gone') bytes += Math.max(info.size, info.blocks * BLOCK_BYTES);
      if (bytes > bytesMax || entries > OUTPUT_LIMITS.entriesMax) return true;
    }
  }
  return false;
}

function whyNot(error: unknown): 'closed' | 'gone' {
  if (hasCode(error, ...CLOSED_CODES)) return 'closed';
  unlessMissing(error);
  return 'gone';
}
