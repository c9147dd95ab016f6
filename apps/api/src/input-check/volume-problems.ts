import type { ProblemCode } from '@bpi/job-contract';
import type { VolumeErrorCode } from '@bpi/volumes';

/** What a client reads for each reason that libs/volumes has to refuse a file. The compiler checks them all. */
export const VOLUME_PROBLEMS = {
  too_large: 'too_large',
  not_a_zip: 'not_a_zip',
  zip_truncated: 'zip_truncated',
  zip_malformed: 'zip_malformed',
  zip_encrypted: 'zip_encrypted',
  zip_method: 'zip_method',
  zip_member_name: 'zip_member_name',
  zip_duplicate_member: 'zip_duplicate_member',
  zip_overlap: 'zip_overlap',
  zip_size_mismatch: 'zip_size_mismatch',
  zip_crc_mismatch: 'zip_crc_mismatch',
  zip_too_many_members: 'zip_too_many_members',
  npy_header: 'npy_header',
  npy_size_mismatch: 'npy_size_mismatch',
  missing_member: 'missing_member',
  dtype_unsupported: 'dtype_unsupported',
  rank_invalid: 'rank_invalid',
  shape_invalid: 'shape_invalid',
  pickle_unsupported: 'pickle_unsupported',
  prompts_malformed: 'prompts_malformed',
  prompts_required: 'prompts_required',
  spacing_invalid: 'spacing_invalid',
  not_finite: 'not_finite',
  intensity_range: 'intensity_range',
  intensity_flat: 'intensity_flat',
  affine_invalid: 'geometry_invalid',
  // Files of our own that are not where we put them, and checks of masks: no upload can cause these here.
  file_missing: 'internal',
  file_not_regular: 'internal',
  mask_shape: 'internal',
  mask_labels: 'internal',
  mask_dtype: 'internal',
} as const satisfies Record<VolumeErrorCode, ProblemCode>;
