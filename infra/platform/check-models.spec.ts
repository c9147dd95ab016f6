import { describe, expect, it } from '@jest/globals';
import type { ModelManifest } from '@bpi/job-contract';
import { aManifest } from '../testing/a-manifest.ts';
import { someSettings } from '../testing/settings.ts';
import { checkModels, pinnedWeights } from './check-models.ts';

const SHA256 = 'ab'.repeat(32);
const modelOf = (name: string, weights: ModelManifest['weights']): ModelManifest => ({ ...aManifest(), name, weights });
const CATALOGUE = [
  modelOf('brain-mri', null),
  modelOf('pinned', { file: 'pinned.ckpt', sha256: SHA256 }),
  modelOf('unpinned', { file: 'unpinned.ckpt', sha256: null }),
];
const settingsWith = (weights: string[], defaultModel: string | null = null) =>
  someSettings({ gpu: { ...someSettings().gpu, weights }, defaultModel });

describe('the models that settings name', () => {
  it('may be a default, and those whose weights are pinned', () => {
    expect(() => checkModels(settingsWith([]), CATALOGUE)).not.toThrow();
    expect(() => checkModels(settingsWith(['pinned'], 'unpinned'), CATALOGUE)).not.toThrow();
    expect(pinnedWeights(['pinned'], CATALOGUE)).toEqual({ pinned: { file: 'pinned.ckpt', sha256: SHA256 } });
  });

  it.each([
    ['gone', 'gpu.weights must name models of apps/models (brain-mri, pinned, unpinned), and not gone.'],
    ['brain-mri', 'gpu.weights names brain-mri, whose model.json declares no weights: take it out of the list.'],
    [
      'unpinned',
      'gpu.weights names unpinned, whose weights are not pinned: run ./tools/verify-model unpinned --weights DIR --gpu --pin, ' +
        "then copy unpinned.ckpt to unpinned/unpinned.ckpt in the account's weights bucket and commit the model.json.",
    ],
  ])('whose weights no machine could fetch are refused: %s', (name, sentence) => {
    expect(() => checkModels(settingsWith(['pinned', name]), CATALOGUE)).toThrow(new Error(sentence));
    expect(() => pinnedWeights(['pinned', name], CATALOGUE)).toThrow(new Error(sentence));
  });

  it('are refused all at once', () => {
    const sentences =
      /^gpu\.weights must name .*\ndefaultModel must name a model of apps\/models: brain-mri, pinned, unpinned\.$/;
    expect(() => checkModels(settingsWith(['gone'], 'gone'), CATALOGUE)).toThrow(sentences);
  });
});
