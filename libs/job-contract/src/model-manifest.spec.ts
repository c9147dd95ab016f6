import { describe, expect, it } from '@jest/globals';
import { modelManifestSchema } from './model-manifest.ts';

const SHA256 = 'ab'.repeat(32);

const MANIFEST = {
  schema_version: 1,
  name: 'three-d',
  version: '1.0.0',
  title: 'Three',
  description: 'Segments.',
  licence: 'none',
  intended_use: 'Tests.',
  evidence: 'None.',
  image: 'bpi/three-d:1.0.0',
  input: { formats: ['npz'], dtypes: ['uint8'], intensity: { min: 0, max: 255, distinct_min: 1 } },
  prompts: 'required',
  fixed_labels: null,
  params: {},
  progress_steps: ['work'],
  resources: { gpu: 'none', gpu_memory_mib: 0, memory_mib: 64, cpus: 1, shm_mib: 1, pids: 16, tmp_mib: 1 },
  attempt_timeout_s: 10,
  smaller_settings: null,
  golden: null,
};

describe('model.json', () => {
  it('has no weights outside the image and no example prompts unless it says so', () => {
    expect(modelManifestSchema.parse(MANIFEST)).toMatchObject({ weights: null, prompt_examples: [] });
  });

  it('names its weights, pinned or not yet, and prompts by modality', () => {
    for (const sha256 of [SHA256, null]) {
      const manifest = {
        ...MANIFEST,
        weights: { file: 'three_d-v2.ckpt', sha256 },
        prompt_examples: [{ modality: 'CT', prompts: ['Liver in abdominal CT'] }],
      };
      expect(modelManifestSchema.parse(manifest)).toEqual(manifest);
    }
  });

  const { evidence: _, ...withoutEvidence } = MANIFEST;
  it.each<[string, object]>([
    ['nothing about what was run', withoutEvidence],
    ['an empty word about it', { ...MANIFEST, evidence: '' }],
    ['a path as its weights', { ...MANIFEST, weights: { file: '../three-d.ckpt', sha256: null } }],
    ['a hidden file as its weights', { ...MANIFEST, weights: { file: '.ckpt', sha256: null } }],
    ['a digest in capitals', { ...MANIFEST, weights: { file: 'w', sha256: SHA256.toUpperCase() } }],
    ['half a digest', { ...MANIFEST, weights: { file: 'w', sha256: 'ab' } }],
    ['weights without a word on their digest', { ...MANIFEST, weights: { file: 'w' } }],
    ['a modality without prompts', { ...MANIFEST, prompt_examples: [{ modality: 'CT', prompts: [] }] }],
    ['more prompts than a job may have', { ...MANIFEST, prompt_examples: [{ modality: 'CT', prompts: many(65) }] }],
    [
      'too many modalities',
      { ...MANIFEST, prompt_examples: many(17).map((modality) => ({ modality, prompts: ['x'] })) },
    ],
  ])('may not have %s', (_what, manifest) => {
    expect(modelManifestSchema.safeParse(manifest).success).toBe(false);
  });
});

function many(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n}`);
}
