import { describe, expect, it } from '@jest/globals';
import { metadataSchema } from './metadata.ts';

/** As it was written before models reported on their run. */
const OLD = {
  schema_version: 1,
  job_id: '0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203',
  model: { name: 'brain-mri', version: '1.0.0', image_digest: null },
  params: {},
  shape: [1, 2, 3],
  axes: 'zyx',
  spacing_mm: null,
  spacing_order: 'xyz',
  affine: null,
  orientation: 'unknown',
  dtype: 'uint8',
  labels: [
    { id: 1, name: 'brain', color: '#000000', voxels: 0, volume_ml: null, bbox: null, centroid: null, present: false },
  ],
  instance_label: 0,
  intensity: { received: { dtype: 'uint8', min: 0, max: 1 }, applied: 'none' },
  prompts_used: false,
  seed: null,
  attempt: 1,
  timings: {},
  warnings: [],
};

describe('metadata.json', () => {
  it('that was stored long ago is still read, and says nothing of what nobody noted then', () => {
    expect(metadataSchema.parse(OLD)).toEqual({
      ...OLD,
      model: { ...OLD.model, weights_sha256: null },
      model_run: { axis: null, slice_batch_size: null, out_of_memory_count: null, device: null },
    });
  });
});
