import { join } from 'node:path';
import type { ModelManifest } from '@bpi/job-contract';
import { readCatalogue } from '@bpi/model-files';

/** Of our own programs, which are no model. */
const APPS = ['api', 'worker', 'stager'] as const;

/** Every model of this checkout. */
export function readModels(): Promise<ModelManifest[]> {
  return readCatalogue([join(import.meta.dirname, '../../apps/models')]);
}

/** Every image that an environment needs and that the registry has a place for. */
export function imageNames(models: readonly Pick<ModelManifest, 'name'>[]): string[] {
  return [...APPS, ...new Set(models.map(({ name }) => name))];
}
