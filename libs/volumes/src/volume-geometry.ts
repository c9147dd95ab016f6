/** Depth, height, width: the array's axes z, y, x in this order. */
export type Shape3 = readonly [depth: number, height: number, width: number];

/** One voxel, as array indices. */
export type VoxelIndex = { readonly z: number; readonly y: number; readonly x: number };

/** Number of voxels of a shape. */
export function voxelCount(shape: Shape3): number {
  return shape[0] * shape[1] * shape[2];
}
