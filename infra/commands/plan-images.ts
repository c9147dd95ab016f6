import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { imageNames, readModels } from '../platform/catalogue.ts';
import { completeImages } from '../platform/images.ts';
import type { CommandContext } from './command-context.ts';
import { imagesFile } from './preflight.ts';

/**
 * Calls `step` with a context whose IMAGE_DIGESTS names a whole copy of the file, as a synthesis wants it, and says what
 * was put in or left out. For plans alone: what was put in are placeholders.
 * @param copy is there during `step` only
 */
export async function withWholeImages<T>(
  context: CommandContext,
  copy: string,
  step: (context: CommandContext) => Promise<T>,
): Promise<T> {
  const file = imagesFile(context);
  if (file === null) return step(context);
  const { images, missing, unknown } = completeImages(file, imageNames(await readModels()));
  if (missing.length + unknown.length === 0) return step(context);
  for (const name of missing) context.say(`planned with a placeholder, since ${file} has no image of it: ${name}`);
  for (const name of unknown) context.say(`left out, since nothing here uses it: ${name}`);
  await mkdir(dirname(copy), { recursive: true });
  try {
    await writeFile(copy, JSON.stringify(images), { mode: 0o600 });
    return await step({ ...context, env: { ...context.env, IMAGE_DIGESTS: copy } });
  } finally {
    await rm(copy, { force: true });
  }
}
