import { modelManifestSchema, type ModelManifest } from '@bpi/job-contract';

/** A model that fits the smallest machine; its description is text that Terraform would read as its own. */
export function aManifest(resources: Partial<ModelManifest['resources']> = {}): ModelManifest {
  return modelManifestSchema.parse({
    schema_version: 1,
    name: 'brain-mri',
    version: '1.0.0',
    title: 'Brain',
    description: 'Marks ${the} brain, 100 %{of} it.',
    licence: 'none',
    intended_use: 'tests',
    evidence: 'None: it exists in tests only.',
    image: 'bpi/brain-mri:1.0.0',
    input: { formats: ['npz'], dtypes: ['uint8'], intensity: { min: 0, max: 255, distinct_min: 1 } },
    prompts: 'optional',
    fixed_labels: null,
    params: {},
    progress_steps: ['load'],
    resources: {
      gpu: 'required',
      gpu_memory_mib: 8_000,
      memory_mib: 8_000,
      cpus: 4,
      shm_mib: 2_048,
      pids: 256,
      tmp_mib: 512,
      ...resources,
    },
    attempt_timeout_s: 600,
    smaller_settings: null,
    golden: null,
  });
}
