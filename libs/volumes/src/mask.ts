import type { Shape3, VoxelIndex } from './volume-geometry.ts';

/** One label of a mask. All coordinates are array indices z, y, x; `max` is inclusive. */
export type MaskLabel = {
  readonly id: number;
  readonly voxels: number;
  readonly bbox: { readonly min: IndexZyx; readonly max: IndexZyx };
  readonly centroid: IndexZyx;
};
export type IndexZyx = readonly [z: number, y: number, x: number];

/** A label map in C order (z, y, x); 0 is background. `labels` lists the ids that occur, ascending. */
export type Mask = {
  readonly shape: Shape3;
  readonly data: Uint8Array | Uint16Array;
  readonly labels: readonly MaskLabel[];
};

export const LABEL_ID_COUNT = 65_536;

/** The voxel nearest to the middle of everything labelled, or the middle of the volume when nothing is. */
export function maskCenter(mask: Mask): VoxelIndex {
  const voxels = mask.labels.reduce((sum, label) => sum + label.voxels, 0);
  const along = (axis: 0 | 1 | 2): number => {
    if (voxels === 0) return Math.floor(mask.shape[axis] / 2);
    return Math.round(mask.labels.reduce((sum, label) => sum + label.centroid[axis] * label.voxels, 0) / voxels);
  };
  return { z: along(0), y: along(1), x: along(2) };
}

/** A mask from its label map; one pass over the data. */
export function maskFrom(shape: Shape3, data: Mask['data']): Mask {
  const tally = new LabelTally();
  const [depth, height, width] = shape;
  let offset = 0;
  for (let z = 0; z < depth; z += 1) {
    for (let y = 0; y < height; y += 1) {
      tally.addRow(data, offset, { z, y, width });
      offset += width;
    }
  }
  return { shape, data, labels: tally.labels() };
}

/** Per label: voxels, sums of z, y, x, then the two corners. */
const TALLY_FIELDS = 10;

/** Counts whole runs of one label instead of voxels, as masks consist of long runs. */
class LabelTally {
  readonly #slotById = new Int32Array(LABEL_ID_COUNT).fill(-1);
  readonly #ids: number[] = [];
  #fields = new Float64Array(16 * TALLY_FIELDS);

  addRow(
    data: Mask['data'],
    offset: number,
    row: { readonly z: number; readonly y: number; readonly width: number },
  ): void {
    let x = 0;
    while (x < row.width) {
      const id = data[offset + x] ?? 0;
      const start = x;
      do x += 1;
      while (x < row.width && data[offset + x] === id);
      if (id !== 0) this.#addRun(id, row, start, x - 1);
    }
  }

  #addRun(id: number, { z, y }: { readonly z: number; readonly y: number }, first: number, last: number): void {
    const base = this.#slot(id) * TALLY_FIELDS;
    const f = this.#fields;
    const length = last - first + 1;
    const add = (field: number, value: number) => {
      f[base + field] = (f[base + field] ?? 0) + value;
    };
    add(0, length);
    add(1, z * length);
    add(2, y * length);
    add(3, ((first + last) / 2) * length);
    f[base + 4] = Math.min(f[base + 4] ?? 0, z);
    f[base + 5] = Math.min(f[base + 5] ?? 0, y);
    f[base + 6] = Math.min(f[base + 6] ?? 0, first);
    f[base + 7] = Math.max(f[base + 7] ?? 0, z);
    f[base + 8] = Math.max(f[base + 8] ?? 0, y);
    f[base + 9] = Math.max(f[base + 9] ?? 0, last);
  }

  #slot(id: number): number {
    const known = this.#slotById[id] ?? -1;
    if (known >= 0) return known;
    const slot = this.#ids.push(id) - 1;
    this.#slotById[id] = slot;
    if ((slot + 1) * TALLY_FIELDS > this.#fields.length) {
      const grown = new Float64Array(this.#fields.length * 2);
      grown.set(this.#fields);
      this.#fields = grown;
    }
    this.#fields.set([0, 0, 0, 0, Infinity, Infinity, Infinity, -1, -1, -1], slot * TALLY_FIELDS);
    return slot;
  }

  labels(): MaskLabel[] {
    const labels = this.#ids.map((id, slot) => {
      const at = (field: number) => this.#fields[slot * TALLY_FIELDS + field] ?? 0;
      const triple = (field: number, divisor: number): IndexZyx => [
        at(field) / divisor,
        at(field + 1) / divisor,
        at(field + 2) / divisor,
      ];
      const voxels = at(0);
      return { id, voxels, bbox: { min: triple(4, 1), max: triple(7, 1) }, centroid: triple(1, voxels) };
    });
    return labels.toSorted((a, b) => a.id - b.id);
  }
}
