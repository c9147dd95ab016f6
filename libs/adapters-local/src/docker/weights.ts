import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelManifest } from '@bpi/job-contract';
import type { ContainerPlan } from './container-options.ts';

/** Where a model's weights lie: `<root>/<model name>/<file>`. Whether they are the right ones is for the image to check. */
export async function weightsOf(
  { name, weights }: Pick<ModelManifest, 'name' | 'weights'>,
  root: string | null,
): Promise<ContainerPlan['weights']> {
  if (weights === null) return null;
  const folder = root === null ? null : join(root, name);
  return { ...weights, folder: folder !== null && (await isFolder(folder)) ? folder : null };
}

/** Also false for what this process may not look at: the model then says that its weights are missing. */
async function isFolder(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => null);
  return stats?.isDirectory() === true;
}
