import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const MARKER = '.kept';

/**
 * Puts a file into folders that are volumes of the engine's. An empty volume takes content and owner from the image of
 * whoever mounts it next: a model whose image has a folder of that name would make it unwritable for itself.
 * Source: Docker docs, "Volumes", populate a volume using a container.
 */
export async function keepFolders(folders: readonly string[]): Promise<void> {
  for (const folder of folders) await writeFile(join(folder, MARKER), '');
}
