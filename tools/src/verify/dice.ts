import type { Mask } from '@bpi/volumes';

export type LabelDice = {
  id: number;
  /** Voxels in the mask, and in the reference. */
  voxels: number;
  referenceVoxels: number;
  /** 2 |A ∩ B| / (|A| + |B|); null where neither has the label. */
  dice: number | null;
};

/** For each of `ids`, how well the mask agrees with a reference of the same shape. */
export function diceOf(mask: Mask, reference: Mask, ids: readonly number[]): LabelDice[] {
  if (mask.data.length !== reference.data.length) throw new RangeError('both masks must have the same shape');
  const shared = new Float64Array(256);
  for (let voxel = 0; voxel < mask.data.length; voxel += 1) {
    const id = mask.data[voxel] ?? 0;
    if (id !== 0 && id === reference.data[voxel]) shared[id] = (shared[id] ?? 0) + 1;
  }
  return ids.map((id) => {
    const voxels = voxelsOf(mask, id);
    const referenceVoxels = voxelsOf(reference, id);
    const both = voxels + referenceVoxels;
    return { id, voxels, referenceVoxels, dice: both === 0 ? null : (2 * (shared[id] ?? 0)) / both };
  });
}

/** Over the labels that the reference holds; null if it holds none of them. */
export function meanDice(labels: readonly LabelDice[]): number | null {
  const held = labels.filter(({ referenceVoxels }) => referenceVoxels > 0);
  return held.length === 0 ? null : held.reduce((sum, { dice }) => sum + (dice ?? 0), 0) / held.length;
}

/** Whether every voxel of two masks has the same id. */
export function isSameMask(one: Mask, other: Mask): boolean {
  if (one.data.length !== other.data.length) return false;
  for (let voxel = 0; voxel < one.data.length; voxel += 1) if (one.data[voxel] !== other.data[voxel]) return false;
  return true;
}

function voxelsOf({ labels }: Mask, id: number): number {
  return labels.find((label) => label.id === id)?.voxels ?? 0;
}
