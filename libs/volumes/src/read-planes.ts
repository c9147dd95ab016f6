import { arrayBlocks, viewBlock } from './array-blocks.ts';
import type { ArrayView } from './array-blocks.ts';
import { withCanonicalInput, withVolume } from './canonical-input.ts';
import { voxelCount } from './volume-geometry.ts';
import type { Shape3, VoxelIndex } from './volume-geometry.ts';

/** One cut through a volume, row by row. */
export type Plane = { readonly width: number; readonly height: number; readonly data: Float32Array };

/** Three cuts through one voxel: axial rows are y, coronal and sagittal rows are z. */
export type Planes = {
  readonly at: VoxelIndex;
  readonly axial: Plane;
  readonly coronal: Plane;
  readonly sagittal: Plane;
};

/**
 * Cuts `imgs` of a canonical input along three planes, in one streaming pass.
 * Throws `RangeError` when `at` lies outside of the volume, else rejects as `readCanonicalInput` does.
 */
export async function readPlanes(path: string, at: VoxelIndex, signal?: AbortSignal): Promise<Planes> {
  return withCanonicalInput(path, (archive) =>
    withVolume(
      archive,
      async ({ shape, type, fortranOrder }, npy) => {
        assertInside(at, shape);
        const cuts = new MemoryOrderCuts(
          fortranOrder ? [shape[2], shape[1], shape[0]] : shape,
          fortranOrder ? [at.x, at.y, at.z] : [at.z, at.y, at.x],
        );
        for await (const { firstItem, bytes } of arrayBlocks(npy.data, type, voxelCount(shape))) {
          cuts.add(firstItem, viewBlock(bytes, type.dtype));
        }
        const { outer, middle, inner } = cuts;
        if (!fortranOrder) return { at, axial: outer, coronal: middle, sagittal: inner };
        // Memory order x, y, z: every cut lies transposed, and inner and outer have changed places.
        return { at, axial: transpose(inner), coronal: transpose(middle), sagittal: transpose(outer) };
      },
      signal,
    ),
  );
}

function assertInside(at: VoxelIndex, shape: Shape3): void {
  const indices = [at.z, at.y, at.x];
  const isInside = indices.every((index, axis) => Number.isInteger(index) && index >= 0 && index < (shape[axis] ?? 0));
  if (!isInside) throw new RangeError('the planes must lie inside of the volume');
}

/** Collects three cuts while the volume passes by in memory order, slowest axis first. */
class MemoryOrderCuts {
  readonly outer: Plane;
  readonly middle: Plane;
  readonly inner: Plane;
  readonly #dims: Shape3;
  readonly #at: readonly [number, number, number];

  constructor(dims: Shape3, at: readonly [number, number, number]) {
    const [a, b, c] = dims;
    this.#dims = dims;
    this.#at = at;
    this.outer = { width: c, height: b, data: new Float32Array(b * c) };
    this.middle = { width: c, height: a, data: new Float32Array(a * c) };
    this.inner = { width: b, height: a, data: new Float32Array(a * b) };
  }

  add(firstItem: number, values: ArrayView): void {
    const [, b, c] = this.#dims;
    const [atA, atB, atC] = this.#at;
    const end = firstItem + values.length;
    // Runs of the inner axis ("rows"); the block may begin and end inside of one.
    for (let row = Math.floor(firstItem / c); row * c < end; row += 1) {
      const rowStart = row * c;
      const indexA = Math.floor(row / b);
      const indexB = row % b;
      if (indexA === atA) copyRow(values, firstItem, { data: this.outer.data, row: indexB, length: c, rowStart });
      if (indexB === atB) copyRow(values, firstItem, { data: this.middle.data, row: indexA, length: c, rowStart });
      const voxel = rowStart + atC - firstItem;
      if (voxel >= 0 && voxel < values.length) this.inner.data[row] = values[voxel] ?? 0;
    }
  }
}

function copyRow(
  values: ArrayView,
  firstItem: number,
  target: { readonly data: Float32Array; readonly row: number; readonly length: number; readonly rowStart: number },
): void {
  const from = Math.max(target.rowStart, firstItem);
  const to = Math.min(target.rowStart + target.length, firstItem + values.length);
  const part = values.subarray(from - firstItem, to - firstItem);
  target.data.set(part, target.row * target.length + from - target.rowStart);
}

function transpose({ width, height, data }: Plane): Plane {
  const turned = new Float32Array(data.length);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      turned[column * height + row] = data[row * width + column] ?? 0;
    }
  }
  return { width: height, height: width, data: turned };
}
