import type { Affine, SpacingOrder } from '@bpi/job-contract';

/** Millimetres, (x, y, z). */
export type SpacingMm = [number, number, number];

/** Relative difference from which spacing and affine cannot mean the same voxel. */
const TOLERANCE = 0.01;

/**
 * The voxel size to work with. An affine is the more precise statement and wins: the size along each axis is the
 * length of that axis' column. `differs` tells that a spacing was given too and says something else.
 */
export function settleSpacing(given: {
  spacing: readonly [number, number, number] | null;
  order: SpacingOrder;
  affine: Affine | null;
}): { spacingMm: SpacingMm | null; differs: boolean } {
  const { spacing, order, affine } = given;
  const own = spacing === null ? null : inXyz(spacing, order);
  if (affine === null) return { spacingMm: own, differs: false };
  const [x, y, z] = affine;
  const spacingMm: SpacingMm = [
    Math.hypot(x[0], y[0], z[0]),
    Math.hypot(x[1], y[1], z[1]),
    Math.hypot(x[2], y[2], z[2]),
  ];
  return { spacingMm, differs: own !== null && !isClose(own, spacingMm) };
}

function inXyz(spacing: readonly [number, number, number], order: SpacingOrder): SpacingMm {
  const [first, second, third] = spacing;
  return order === 'xyz' ? [first, second, third] : [third, second, first];
}

function isClose(left: SpacingMm, right: SpacingMm): boolean {
  return left.every((size, axis) => Math.abs(size - (right[axis] ?? 0)) <= TOLERANCE * (right[axis] ?? 0));
}
