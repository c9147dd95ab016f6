import { modelManifestSchema, type ModelManifest } from '@bpi/job-contract';

const base = {
  schema_version: 1,
  version: '1.2.3',
  title: 'A model of the tests',
  description: 'Exists in tests only.',
  licence: 'none',
  intended_use: 'tests',
  evidence: 'None: it exists in tests only.',
  image: 'test/secret-image:1',
  input: {
    formats: ['npz'],
    dtypes: ['uint8', 'int16', 'float32'],
    intensity: { min: 0, max: 255, distinct_min: 4 },
  },
  params: {
    resolution: { type: 'enum', values: ['half', 'full'], default: 'half' },
    rounds: { type: 'integer', min: 1, max: 9, default: 3 },
  },
  progress_steps: ['load', 'segment'],
  resources: { gpu: 'none', gpu_memory_mib: 0, memory_mib: 64, cpus: 1, shm_mib: 1, pids: 8, tmp_mib: 1 },
  attempt_timeout_s: 60,
  smaller_settings: null,
  golden: null,
};

/** `fixed` is the default; `prompted` requires prompts and a GPU. */
export const TEST_MODELS: readonly ModelManifest[] = [
  modelManifestSchema.parse({
    ...base,
    name: 'fixed',
    prompts: 'optional',
    fixed_labels: [{ id: 1, name: 'brain' }],
  }),
  modelManifestSchema.parse({
    ...base,
    name: 'prompted',
    prompts: 'required',
    prompt_examples: [{ modality: 'CT', prompts: ['Liver in abdominal CT'] }],
    weights: { file: 'secret-weights.ckpt', sha256: null },
    fixed_labels: null,
    resources: { ...base.resources, gpu: 'required' },
  }),
];
