import { voxelSizes, type Affine } from './affine.ts';
import type { Spacing } from './spacing.ts';

/** What the client says about space beside the file: the order of its `spacing`, and where the voxels lie. */
export type InputGeometry = { readonly spacingOrder: 'xyz' | 'zyx'; readonly affine: Affine | null };

/** What a request that says nothing about space means: the challenge's order, orientation unknown. */
export const NO_GEOMETRY: InputGeometry = Object.freeze({ spacingOrder: 'xyz', affine: null });

/** Relative difference from which spacing and affine cannot mean the same voxel. */
const TOLERANCE = 0.01;

/**
 * The voxel size to work with, (x, y, z) in mm. An affine is the more precise statement and wins: the size along each
 * axis is the length of that axis' column. `differs` tells that a spacing was given too and says something else.
 */
export function settleSpacing(
  given: Spacing | null,
  geometry: InputGeometry,
): { spacingMm: Spacing | null; differs: boolean } {
  const own = given === null ? null : inXyz(given, geometry.spacingOrder);
  if (geometry.affine === null) return { spacingMm: own, differs: false };
  const spacingMm = voxelSizes(geometry.affine);
  return { spacingMm, differs: own !== null && !isClose(own, spacingMm) };
}

function inXyz(spacing: Spacing, order: InputGeometry['spacingOrder']): Spacing {
  const [first, second, third] = spacing;
  return order === 'xyz' ? [first, second, third] : [third, second, first];
}

function isClose(left: Spacing, right: Spacing): boolean {
  return left.every((size, axis) => Math.abs(size - (right[axis] ?? 0)) <= TOLERANCE * (right[axis] ?? 0));
}
