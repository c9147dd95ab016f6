import { rmSync } from 'node:fs';
import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from './error-code.ts';

/**
 * Removes a folder that somebody untrusted wrote into, without following links. Safe to repeat. Folders nested deeper
 * than a path may be long need the blocking call, which goes by directory handles instead of paths. Folders that a
 * model closed are opened first: a worker without root owns them, and still could not look into them.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!hasCode(error, 'ENAMETOOLONG', 'EACCES')) throw error;
    if (hasCode(error, 'EACCES')) await openFolders(path);
    rmSync(path, { recursive: true, force: true });
  }
}

async function openFolders(path: string): Promise<void> {
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolders(join(path, entry.name));
  }
}
