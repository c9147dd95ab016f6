import type { JobId, Metadata } from '@bpi/job-contract';

/** The metadata of a completed job of the model `fixed`. */
export function metadataOf(job_id: JobId): Metadata {
  return {
    schema_version: 1,
    job_id,
    model: { name: 'fixed', version: '1.2.3', image_digest: null, weights_sha256: 'ab'.repeat(32) },
    params: {},
    shape: [4, 6, 8],
    axes: 'zyx',
    spacing_mm: null,
    spacing_order: 'xyz',
    affine: null,
    orientation: 'unknown',
    dtype: 'uint8',
    labels: [],
    instance_label: 0,
    intensity: { received: { dtype: 'uint8', min: 0, max: 191 }, applied: 'none' },
    prompts_used: false,
    seed: null,
    model_run: { axis: 0, slice_batch_size: 2, out_of_memory_count: 1, device: 'cpu' },
    attempt: 1,
    timings: {},
    warnings: [],
  };
}
