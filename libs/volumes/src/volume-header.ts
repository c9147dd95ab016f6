import { imgArrayType } from './dtype.ts';
import type { ArrayType, ImgDtype } from './dtype.ts';
import type { InputPolicy } from './input-policy.ts';
import type { NpyHeader } from './npy-header.ts';
import { VolumeError } from './volume-error.ts';
import type { Shape3 } from './volume-geometry.ts';
import { voxelCount } from './volume-geometry.ts';

/** The header of `imgs`, understood. */
export type VolumeHeader = {
  readonly shape: Shape3;
  readonly type: ArrayType & { readonly dtype: ImgDtype };
  readonly fortranOrder: boolean;
};

export type VolumeLimits = Pick<InputPolicy['limits'], 'imgsBytesMax' | 'voxelsMax' | 'dimMax'>;

/**
 * Checks that the header describes a volume and that `dataBytes` is what it needs.
 * Throws `dtype_unsupported`, `rank_invalid`, `shape_invalid`, `too_large` or `npy_size_mismatch`.
 */
export function parseVolumeHeader(header: NpyHeader, dataBytes: number, limits: VolumeLimits): VolumeHeader {
  const type = imgArrayType(header.descr);
  const shape = shape3(header.shape);
  if (shape.some((dim) => dim < 1 || dim > limits.dimMax)) throw new VolumeError('shape_invalid');
  // Three dimensions up to dimMax multiply to a safe integer.
  const voxels = voxelCount(shape);
  const bytes = voxels * type.itemBytes;
  if (voxels > limits.voxelsMax || bytes > limits.imgsBytesMax) throw new VolumeError('too_large');
  if (bytes !== dataBytes) throw new VolumeError('npy_size_mismatch');
  return { shape, type, fortranOrder: header.fortranOrder };
}

/** Throws `rank_invalid`. */
export function shape3(shape: readonly number[]): Shape3 {
  const [depth, height, width] = shape;
  if (depth === undefined || height === undefined || width === undefined || shape.length !== 3) {
    throw new VolumeError('rank_invalid');
  }
  return [depth, height, width];
}
