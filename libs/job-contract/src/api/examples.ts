import { FAILURE_MESSAGES, faultOf } from '../outcomes.ts';
import { PROBLEMS, problemType, type Problem, type ProblemCode } from '../problems.ts';
import { WARNINGS } from '../warnings.ts';

/* What answers look like. A test reads each by its schema. */

export const JOB_ID_EXAMPLE = '0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203';
export const REQUEST_ID_EXAMPLE = 'd9428888-122b-4c1b-9b3c-1f2e3d4c5b6a';

export const SUBMITTED_EXAMPLE = {
  job_id: JOB_ID_EXAMPLE,
  status: 'submitted',
  warnings: [{ code: 'orientation_unknown', message: WARNINGS.orientation_unknown }],
};

const queued = {
  job_id: JOB_ID_EXAMPLE,
  external_job_id: 'PACS-17',
  model: { name: 'brain-mri', version: '1.0.0' },
  status: 'pending',
  phase: 'queued',
  attempt: 0,
  cancel_requested: false,
  created_at: '2026-09-01T08:00:00.000Z',
};

const running = {
  ...queued,
  status: 'running',
  phase: 'running',
  attempt: 1,
  started_at: '2026-09-01T08:00:02.000Z',
};

export const RUNNING_EXAMPLE = { ...running, progress: { fraction: 0.4, step: 'segment' } };

export const CANCELLING_EXAMPLE = { ...RUNNING_EXAMPLE, cancel_requested: true };

export const LIST_EXAMPLE = {
  jobs: [
    { ...queued, waiting_for: 'slot' },
    {
      ...running,
      job_id: '5d1f0a52-90e7-4c0e-a0b4-6f1f2f3c4d5e',
      status: 'failed',
      phase: 'failed',
      ended_attempts: [
        {
          attempt: 1,
          code: 'model_error',
          started_at: '2026-09-01T08:00:02.000Z',
          ended_at: '2026-09-01T08:00:09.000Z',
        },
      ],
      ended_at: '2026-09-01T08:00:09.000Z',
      expires_at: {
        input: '2026-09-08T08:00:09.000Z',
        logs: '2026-10-01T08:00:09.000Z',
        record: '2027-09-01T08:00:09.000Z',
      },
      error: { code: 'model_error', fault: 'model', message: FAILURE_MESSAGES.model_error },
    },
  ],
  next_cursor: 'MTc4ODI0OTYwMDAwMC41ZDFmMGE1Mi05MGU3LTRjMGUtYTBiNC02ZjFmMmYzYzRkNWU',
};

const SHA256_EXAMPLE = 'ab'.repeat(32);

export const RESULT_EXAMPLE = {
  job_id: JOB_ID_EXAMPLE,
  status: 'completed',
  artifacts: [
    {
      name: 'pred_mask.npz',
      url: `/result/${JOB_ID_EXAMPLE}/pred_mask.npz`,
      bytes: 18_212,
      sha256: SHA256_EXAMPLE,
      media_type: 'application/octet-stream',
    },
  ],
  expires_at: '2026-10-01T08:00:09.000Z',
  metadata: {
    schema_version: 1,
    job_id: JOB_ID_EXAMPLE,
    model: { name: 'brain-mri', version: '1.0.0', image_digest: null, weights_sha256: null },
    params: { resolution: 'half' },
    shape: [120, 256, 256],
    axes: 'zyx',
    spacing_mm: [0.5, 0.5, 2],
    spacing_order: 'xyz',
    affine: null,
    orientation: 'unknown',
    dtype: 'uint8',
    labels: [
      {
        id: 1,
        name: 'brain',
        color: '#e6194b',
        voxels: 2_400_000,
        volume_ml: 1_200,
        bbox: { min: [4, 30, 28], max: [112, 226, 230] },
        centroid: [58.2, 127.9, 129.4],
        present: true,
      },
    ],
    instance_label: 0,
    intensity: { received: { dtype: 'uint8', min: 0, max: 255 }, applied: 'none' },
    prompts_used: false,
    seed: null,
    model_run: { axis: null, slice_batch_size: null, out_of_memory_count: null, device: 'cpu' },
    attempt: 1,
    timings: { model_ms: 2_310 },
    warnings: ['orientation_unknown'],
  },
};

export function problemExample(code: ProblemCode): Problem {
  const { status, title, fault, retryable } = PROBLEMS[code];
  const jobError = {
    code: 'model_error',
    fault: faultOf('model_error'),
    message: FAILURE_MESSAGES.model_error,
  } as const;
  return {
    type: problemType(code),
    title,
    status,
    code,
    fault,
    retryable,
    instance: REQUEST_ID_EXAMPLE,
    ...(code === 'params_invalid' ? { fields: ['resolution'] } : {}),
    ...(code === 'query_invalid' ? { fields: ['limit'] } : {}),
    ...(code === 'job_failed' ? { job_error: jobError } : {}),
  };
}
