import { VolumeError } from './volume-error.ts';

/** Row-major 4x4 matrix from voxel indices (i, j, k = x, y, z) to RAS+ millimetres. */
export type Affine = readonly [AffineRow, AffineRow, AffineRow, AffineRow];
export type AffineRow = readonly [number, number, number, number];

type Vector3 = readonly [number, number, number];

const VOXEL_MM_MAX = 1000;
/** Far beyond any scanner; keeps every entry exact enough as a 32-bit float. */
const OFFSET_MM_MAX = 1e6;
/** Axes that are parallel within this cannot tell their voxels apart (volume of the unit axes). */
const INDEPENDENCE_MIN = 1e-3;
/** Scanners and tools round directions to about six digits. */
const ORTHOGONAL_TOLERANCE = 1e-4;

/**
 * Checks a matrix from outside: 4x4, finite, last row 0, 0, 0, 1, columns above 0 and up to 1000 mm, invertible.
 * Throws `affine_invalid`.
 */
export function checkAffine(matrix: unknown): Affine {
  if (!Array.isArray(matrix) || matrix.length !== 4) return refuse();
  const affine: Affine = [row(matrix[0]), row(matrix[1]), row(matrix[2]), row(matrix[3])];
  const [last0, last1, last2, last3] = affine[3];
  if (last0 !== 0 || last1 !== 0 || last2 !== 0 || last3 !== 1) return refuse();
  const sizes = voxelSizes(affine);
  if (!sizes.every((size) => size > 0 && size <= VOXEL_MM_MAX)) return refuse();
  if (affine.some((values) => Math.abs(values[3]) > OFFSET_MM_MAX)) return refuse();
  const independence = Math.abs(determinant(directions(affine)));
  return independence >= INDEPENDENCE_MIN ? affine : refuse();
}

function refuse(): never {
  throw new VolumeError('affine_invalid');
}

function row(values: unknown): AffineRow {
  if (!Array.isArray(values) || values.length !== 4) return refuse();
  const [a, b, c, d]: unknown[] = values;
  return [finite(a), finite(b), finite(c), finite(d)];
}

function finite(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : refuse();
}

/** Lengths of the voxel axes x, y, z in mm. */
export function voxelSizes(affine: Affine): Vector3 {
  const size = (column: 0 | 1 | 2) => Math.hypot(affine[0][column], affine[1][column], affine[2][column]);
  return [size(0), size(1), size(2)];
}

/** Unit vectors of the voxel axes, as columns of a row-major matrix. */
export function directions(affine: Affine): readonly [Vector3, Vector3, Vector3] {
  const [x, y, z] = voxelSizes(affine);
  const scaled = (values: AffineRow): Vector3 => [values[0] / x, values[1] / y, values[2] / z];
  return [scaled(affine[0]), scaled(affine[1]), scaled(affine[2])];
}

export function determinant([a, b, c]: readonly [Vector3, Vector3, Vector3]): number {
  return a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
}

/** True when the voxel axes stand at right angles, so that a rotation describes them. */
export function isOrthogonal(affine: Affine): boolean {
  const [a, b, c] = directions(affine);
  const dot = (first: 0 | 1 | 2, second: 0 | 1 | 2) =>
    a[first] * a[second] + b[first] * b[second] + c[first] * c[second];
  return [dot(0, 1), dot(0, 2), dot(1, 2)].every((value) => Math.abs(value) <= ORTHOGONAL_TOLERANCE);
}
