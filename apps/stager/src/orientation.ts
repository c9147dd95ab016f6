import type { Affine } from '@bpi/job-contract';

const AXIS_LETTERS = [
  ['L', 'R'],
  ['P', 'A'],
  ['I', 'S'],
] as const;

/**
 * Axis codes of an affine in the way of nibabel's `aff2axcodes`: to which side each voxel axis points, as seen by
 * the patient. World axes are dealt out greedily by the largest direction cosine, each once. "unknown" without one.
 */
export function orientationOf(affine: Affine | null): string {
  if (affine === null) return 'unknown';
  const cosines = [0, 1, 2].flatMap((voxel) => {
    const column = [affine[0][voxel] ?? 0, affine[1][voxel] ?? 0, affine[2][voxel] ?? 0];
    const norm = Math.hypot(...column);
    return column.map((value, world) => ({ voxel, world, cosine: value / norm }));
  });
  cosines.sort((a, b) => Math.abs(b.cosine) - Math.abs(a.cosine));
  const letters = new Map<number, string>();
  const taken = new Set<number>();
  for (const { voxel, world, cosine } of cosines) {
    if (letters.has(voxel) || taken.has(world)) continue;
    letters.set(voxel, AXIS_LETTERS[world]?.[cosine < 0 ? 0 : 1] ?? '?');
    taken.add(world);
  }
  return [0, 1, 2].map((voxel) => letters.get(voxel)).join('');
}

/** Cubic millimetres of one voxel: |det| of the affine's 3×3 part, else the product of the spacing, else unknown. */
export function voxelVolumeMm3(
  affine: Affine | null,
  spacing: readonly [number, number, number] | null,
): number | null {
  if (affine !== null) {
    const [[a, b, c], [d, e, f], [g, h, i]] = affine;
    return Math.abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g));
  }
  return spacing === null ? null : spacing[0] * spacing[1] * spacing[2];
}
