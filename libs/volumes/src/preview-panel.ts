import { directions } from './affine.ts';
import type { Affine } from './affine.ts';
import type { Mask } from './mask.ts';
import type { Plane, Planes } from './read-planes.ts';
import type { VoxelIndex } from './volume-geometry.ts';

/** Axes of a volume: 0 is x, 1 is y, 2 is z. */
type Axis = 0 | 1 | 2;

/** One cut, ready to be drawn: image and labels on the same grid, upright, with the size of its pixels. */
export type Panel = {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly image: Float32Array | null;
  readonly labels: Uint16Array;
  /** mm, or 1 when unknown. */
  readonly pixelWidth: number;
  readonly pixelHeight: number;
};

export type PanelSource = {
  readonly mask: Mask;
  readonly planes: Planes | null;
  readonly at: VoxelIndex;
  readonly spacing: readonly [x: number, y: number, z: number];
  readonly affine: Affine | null;
};

const AXIS_NAMES = ['X', 'Y', 'Z'] as const;
/** What a cut across a world axis (right, anterior, superior) is called. */
const CUT_NAMES = ['SAGITTAL', 'CORONAL', 'AXIAL'] as const;

/** Axial, coronal and sagittal, in the order of the array's axes z, y, x. */
export function panelsOf(source: PanelSource): readonly Panel[] {
  const { mask, planes, at } = source;
  const [depth, height, width] = mask.shape;
  const label = (z: number, y: number, x: number) => mask.data[(z * height + y) * width + x] ?? 0;
  return [
    panel(source, {
      axes: [0, 1, 2],
      size: [width, height],
      index: at.z,
      plane: planes?.axial,
      labelAt: (column, row) => label(at.z, row, column),
    }),
    panel(source, {
      axes: [0, 2, 1],
      size: [width, depth],
      index: at.y,
      plane: planes?.coronal,
      labelAt: (column, row) => label(row, at.y, column),
    }),
    panel(source, {
      axes: [1, 2, 0],
      size: [height, depth],
      index: at.x,
      plane: planes?.sagittal,
      labelAt: (column, row) => label(row, column, at.x),
    }),
  ];
}

type Cut = {
  /** Array axes along columns, along rows, and across the cut. */
  readonly axes: readonly [columns: Axis, rows: Axis, across: Axis];
  readonly size: readonly [width: number, height: number];
  readonly index: number;
  readonly plane: Plane | undefined;
  readonly labelAt: (column: number, row: number) => number;
};

function panel(source: PanelSource, cut: Cut): Panel {
  const [width, height] = cut.size;
  const [columns, rows, across] = cut.axes;
  const flipRows = rowsRunDownwards(rows, source.affine);
  const image = cut.plane === undefined ? null : new Float32Array(width * height);
  const labels = new Uint16Array(width * height);
  for (let row = 0; row < height; row += 1) {
    const from = flipRows ? height - 1 - row : row;
    for (let column = 0; column < width; column += 1) {
      labels[row * width + column] = cut.labelAt(column, from);
      if (image !== null) image[row * width + column] = cut.plane?.data[from * width + column] ?? 0;
    }
  }
  const name = CUT_NAMES[worldAxis(across, source.affine).axis];
  return {
    title: `${name} ${AXIS_NAMES[across]} ${cut.index}`,
    width,
    height,
    image,
    labels,
    pixelWidth: source.spacing[columns],
    pixelHeight: source.spacing[rows],
  };
}

/** The world axis (right, anterior, superior) that an array axis runs along most, and its direction. */
function worldAxis(axis: Axis, affine: Affine | null): { readonly axis: Axis; readonly sign: number } {
  if (affine === null) return { axis, sign: 1 };
  const axes = directions(affine).map((row) => row[axis]);
  const [right = 0, anterior = 0, superior = 0] = axes;
  const strengths = [Math.abs(right), Math.abs(anterior), Math.abs(superior)];
  const strongest = strengths.indexOf(Math.max(...strengths));
  if (strongest === 0) return { axis: 0, sign: right };
  return strongest === 1 ? { axis: 1, sign: anterior } : { axis: 2, sign: superior };
}

/**
 * Anterior and superior belong at the top, so rows that run towards them are turned over.
 * Without an affine: y as in the array (posterior last, as in DICOM), z upwards.
 */
function rowsRunDownwards(rows: Axis, affine: Affine | null): boolean {
  return affine === null ? rows === 2 : worldAxis(rows, affine).sign > 0;
}
