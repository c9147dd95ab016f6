import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { errorCode } from '../error-code.ts';

/**
 * Removes a folder that somebody untrusted wrote into, without following links. Safe to repeat. Folders nested deeper
 * than a path may be long need the blocking call, which goes by directory handles instead of paths.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (errorCode(error) !== 'ENAMETOOLONG') throw error;
    rmSync(path, { recursive: true, force: true });
  }
}
