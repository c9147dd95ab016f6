import { chmod, cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Copies files of a model folder with modes of our own: a checkout's umask must not decide what the model may read. */
export async function copyModelContext(folder: string, files: readonly string[], target: string): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    await cp(join(folder, file), join(target, file));
    await chmod(join(target, file), 0o644);
    for (let inside = dirname(file); inside !== '.'; inside = dirname(inside)) await chmod(join(target, inside), 0o755);
  }
}
