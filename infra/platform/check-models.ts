import type { ModelManifest } from '@bpi/job-contract';
import type { GpuUserDataSettings } from '../constructs/compute/gpu-user-data.ts';
import type { PlatformSettings } from './settings.ts';

type PinnedWeights = GpuUserDataSettings['weights'][string];

/** @throws Error with one sentence per setting that names a model which cannot be had as it asks for it */
export function checkModels(
  { gpu, defaultModel }: Pick<PlatformSettings, 'gpu' | 'defaultModel'>,
  catalogue: readonly ModelManifest[],
): void {
  const unknownDefault = defaultModel !== null && catalogue.every(({ name }) => name !== defaultModel);
  const faults = [
    ...gpu.weights.map((name) => findWeights(name, catalogue)).filter((found) => typeof found === 'string'),
    ...(unknownDefault ? [`defaultModel must name a model of apps/models: ${namesOf(catalogue)}.`] : []),
  ];
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

/**
 * What the machines of an environment fetch, by model.
 * @param names `gpu.weights` of its settings
 * @throws Error that says what to do about a model whose weights they could not fetch, or not check
 */
export function pinnedWeights(
  names: readonly string[],
  catalogue: readonly ModelManifest[],
): GpuUserDataSettings['weights'] {
  return Object.fromEntries(
    names.map((name) => {
      const found = findWeights(name, catalogue);
      if (typeof found === 'string') throw new Error(found);
      return [name, found];
    }),
  );
}

/** The weights, or the sentence that says why there are none. */
function findWeights(name: string, catalogue: readonly ModelManifest[]): PinnedWeights | string {
  const manifest = catalogue.find((model) => model.name === name);
  if (manifest === undefined)
    return `gpu.weights must name models of apps/models (${namesOf(catalogue)}), and not ${name}.`;
  if (manifest.weights === null) {
    return `gpu.weights names ${name}, whose model.json declares no weights: take it out of the list.`;
  }
  const { file, sha256 } = manifest.weights;
  if (sha256 !== null) return { file, sha256 };
  return (
    `gpu.weights names ${name}, whose weights are not pinned: run ./tools/verify-model ${name} --weights DIR --gpu --pin, ` +
    `then copy ${file} to ${name}/${file} in the account's weights bucket and commit the model.json.`
  );
}

function namesOf(catalogue: readonly ModelManifest[]): string {
  return catalogue.map(({ name }) => name).join(', ');
}
