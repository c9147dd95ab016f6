/**
 * Every reason for which a volume, a mask or a geometry is refused.
 * Messages are fixed texts: nothing that a client sent (names, prompts, values) can reach a log through them.
 */
const VOLUME_ERROR_MESSAGES = {
  file_missing: 'The file does not exist. Write it before it is read.',
  file_not_regular: 'Only a regular file is read. Write a plain file instead of a link, a folder or a device.',
  too_large: 'The file or one of its arrays is larger than allowed. Send a smaller volume.',
  not_a_zip: 'This is not an NPZ file. Write it with numpy.savez or numpy.savez_compressed.',
  zip_truncated: 'The NPZ file has no end: it was cut off. Send the whole file.',
  zip_malformed: 'The NPZ file is damaged or was changed after it was written. Write it anew with numpy.',
  zip_encrypted: 'The NPZ file is encrypted. Send it without a password.',
  zip_method: 'A member is compressed in a way that NPZ files do not use. Write the file with numpy.',
  zip_member_name: 'A member has a name that numpy would not give. Use plain ASCII array names.',
  zip_duplicate_member: 'An array occurs twice in the NPZ file. Keep one.',
  zip_overlap: 'Members of the NPZ file overlap. Write it anew with numpy.',
  zip_size_mismatch: 'A member is longer or shorter than the NPZ file says. Write it anew with numpy.',
  zip_crc_mismatch: 'The checksum of a member does not match its content. Send the file again.',
  zip_too_many_members: 'The NPZ file holds too many arrays. Send only imgs, text_prompts and spacing.',
  npy_header: 'An array has a header that numpy would not write. Save it with numpy.save or numpy.savez.',
  npy_size_mismatch: 'An array has more or fewer bytes than its shape needs. Save it anew with numpy.',
  missing_member: 'A required array is missing. The input needs imgs, a mask needs segs.',
  dtype_unsupported: 'imgs has a data type that this model does not take. Convert it, for example to uint8 or float32.',
  rank_invalid: 'imgs must have three dimensions: depth, height, width.',
  shape_invalid: 'A dimension of the volume is zero or too large. Crop or resample the volume.',
  pickle_unsupported: 'text_prompts is not the plain dictionary that numpy.savez writes. Save a dict of strings.',
  prompts_malformed:
    'text_prompts must map label ids "1" to "255" to short sentences without control characters or [SEP]; ' +
    'instance_label is 0 or 1.',
  prompts_required: 'This model needs text_prompts. Add them to the NPZ file.',
  spacing_invalid: 'spacing must be three numbers above 0 and up to 1000 (mm).',
  not_finite: 'imgs holds NaN or infinite values. Replace them.',
  intensity_range: 'imgs holds values outside the range of this model. Window and rescale them, for example to 0-255.',
  intensity_flat: 'imgs has too few different values to be an image. Check the windowing and the scaling.',
  mask_shape: 'The mask has another shape than the input volume.',
  mask_labels: 'The mask holds label ids that were not asked for.',
  mask_dtype: 'The mask must be an array of integers or booleans.',
  affine_invalid:
    'The affine must be a finite, invertible 4x4 matrix with the last row 0, 0, 0, 1 and voxels up to 1000 mm.',
} as const;

export type VolumeErrorCode = keyof typeof VOLUME_ERROR_MESSAGES;

/** All codes, for contracts that must name each of them. */
export const VOLUME_ERROR_CODES: readonly VolumeErrorCode[] = Object.freeze(
  // Object.keys forgets the literal types; the object above is the only source of the union.
  Object.keys(VOLUME_ERROR_MESSAGES) as VolumeErrorCode[],
);

/**
 * An expected refusal. Has no `cause` on purpose: messages of zip and text libraries quote what the client sent.
 */
export class VolumeError extends Error {
  readonly code: VolumeErrorCode;

  constructor(code: VolumeErrorCode) {
    super(VOLUME_ERROR_MESSAGES[code]);
    this.name = 'VolumeError';
    this.code = code;
  }
}
