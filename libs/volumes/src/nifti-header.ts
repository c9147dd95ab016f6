import { determinant, directions, isOrthogonal, voxelSizes } from './affine.ts';
import type { Affine } from './affine.ts';
import type { Shape3 } from './volume-geometry.ts';

/** `affine` wins over `spacing`; both null means that nothing is known. */
export type MaskGeometry = {
  readonly affine: Affine | null;
  /** x, y, z in mm. */
  readonly spacing: readonly [x: number, y: number, z: number] | null;
};

/** Header, and the four bytes that say that no extensions follow. */
const NIFTI_HEADER_BYTES = 348;
const NIFTI_DATA_OFFSET_BYTES = 352;
const DIM_MAX = 32_767;
const DATATYPE_UINT8 = 2;
const DATATYPE_UINT16 = 512;
const UNITS_MM = 2;
const UNITS_UNKNOWN = 0;
/** NIFTI_XFORM_ALIGNED_ANAT: coordinates of another image, here the client's own. */
const XFORM_ALIGNED = 2;
const XFORM_UNKNOWN = 0;

/**
 * A single-file NIfTI-1 header for a label map whose data follow with x fastest.
 * Format: nifti1.h, https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h. Text fields stay empty: they are where
 * patients' names leak.
 *
 * Codes: with an affine, sform_code is 2 (aligned) and srow holds it; qform says the same when the axes are orthogonal,
 * for tools that read only the qform, and is 0 (unknown) when a rotation cannot express it. Without an affine both
 * codes are 0, so that viewers do not pretend to know left from right.
 */
export function niftiHeader(shape: Shape3, datatype: 'uint8' | 'uint16', geometry: MaskGeometry): Buffer {
  const [depth, height, width] = shape;
  if (Math.max(...shape) > DIM_MAX) throw new RangeError('NIfTI-1 dimensions end at 32767');
  const header = Buffer.alloc(NIFTI_DATA_OFFSET_BYTES);
  header.writeInt32LE(NIFTI_HEADER_BYTES, 0);
  [3, width, height, depth, 1, 1, 1, 1].forEach((dim, index) => header.writeInt16LE(dim, 40 + 2 * index));
  header.writeInt16LE(datatype === 'uint8' ? DATATYPE_UINT8 : DATATYPE_UINT16, 70);
  header.writeInt16LE(datatype === 'uint8' ? 8 : 16, 72); // bitpix
  const sizes = geometry.affine === null ? (geometry.spacing ?? [1, 1, 1]) : voxelSizes(geometry.affine);
  [1, ...sizes, 0, 0, 0, 0].forEach((size, index) => header.writeFloatLE(size, 76 + 4 * index)); // pixdim
  header.writeFloatLE(NIFTI_DATA_OFFSET_BYTES, 108); // vox_offset
  header.writeFloatLE(1, 112); // scl_slope
  header.writeUInt8(geometry.affine === null && geometry.spacing === null ? UNITS_UNKNOWN : UNITS_MM, 123);
  if (geometry.affine !== null) writeAffine(header, geometry.affine);
  header.write('n+1\0', 344, 'latin1');
  return header;
}

function writeAffine(header: Buffer, affine: Affine): void {
  header.writeInt16LE(XFORM_ALIGNED, 254); // sform_code
  affine.slice(0, 3).forEach((row, index) => {
    row.forEach((value, column) => header.writeFloatLE(value, 280 + 16 * index + 4 * column));
  });
  if (!isOrthogonal(affine)) {
    header.writeInt16LE(XFORM_UNKNOWN, 252);
    return;
  }
  const { handedness, quaternion } = quaternionOf(affine);
  header.writeInt16LE(XFORM_ALIGNED, 252); // qform_code
  header.writeFloatLE(handedness, 76); // pixdim[0], "qfac"
  quaternion.forEach((value, index) => header.writeFloatLE(value, 256 + 4 * index));
  [affine[0][3], affine[1][3], affine[2][3]].forEach((value, index) => header.writeFloatLE(value, 268 + 4 * index));
}

/**
 * Rotation of the voxel axes as b, c, d of a unit quaternion whose a is not negative; a left-handed set of axes has its
 * third one turned, which `handedness` -1 tells. Source: nifti1.h, "METHOD 2".
 */
function quaternionOf(affine: Affine): { handedness: 1 | -1; quaternion: readonly [number, number, number] } {
  const axes = directions(affine);
  const handedness = determinant(axes) < 0 ? -1 : 1;
  const [[r11, r12, m13], [r21, r22, m23], [r31, r32, m33]] = axes;
  const [r13, r23, r33] = [m13 * handedness, m23 * handedness, m33 * handedness];
  // Each of the four is 4 times the square of one part; starting from the largest keeps the division exact.
  const squares = [1 + r11 + r22 + r33, 1 + r11 - r22 - r33, 1 - r11 + r22 - r33, 1 - r11 - r22 + r33];
  const largest = squares.indexOf(Math.max(...squares));
  const s = 2 * Math.sqrt(squares[largest] ?? 1);
  const byLargest = [
    [s / 4, (r32 - r23) / s, (r13 - r31) / s, (r21 - r12) / s],
    [(r32 - r23) / s, s / 4, (r12 + r21) / s, (r13 + r31) / s],
    [(r13 - r31) / s, (r12 + r21) / s, s / 4, (r23 + r32) / s],
    [(r21 - r12) / s, (r13 + r31) / s, (r23 + r32) / s, s / 4],
  ];
  const [a = 1, b = 0, c = 0, d = 0] = byLargest[largest] ?? [];
  const sign = a < 0 ? -1 : 1;
  return { handedness, quaternion: [b * sign, c * sign, d * sign] };
}
