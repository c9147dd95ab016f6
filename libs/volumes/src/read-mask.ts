import { arrayBlocks, viewBlock } from './array-blocks.ts';
import type { ArrayView } from './array-blocks.ts';
import { parseArrayType } from './dtype.ts';
import type { ArrayType, Dtype } from './dtype.ts';
import { LABEL_ID_COUNT, maskFrom } from './mask.ts';
import type { Mask } from './mask.ts';
import type { NpyHeader } from './npy-header.ts';
import { withNpyMember } from './npy-reader.ts';
import type { NpyStream } from './npy-reader.ts';
import { VolumeError } from './volume-error.ts';
import { voxelCount } from './volume-geometry.ts';
import type { Shape3 } from './volume-geometry.ts';
import { openZip } from './zip-reader.ts';
import type { ZipArchive, ZipMember } from './zip-reader.ts';

/** Which ids a model may return: the ones asked for (1..255), or any instance number 1..65535. */
export type MaskExpectation =
  { readonly kind: 'labels'; readonly ids: readonly number[] } | { readonly kind: 'instances' };

export type MaskLimits = { readonly fileBytesMax: number; readonly membersMax: number };

export type ReadMaskOptions = {
  readonly shape: Shape3;
  readonly expectation: MaskExpectation;
  readonly limits: MaskLimits;
  /** Names the array may have, in this order; a reference segmentation of the challenge is `gts`. */
  readonly keys?: readonly string[];
  readonly signal?: AbortSignal;
};

export const DEFAULT_MASK_LIMITS: MaskLimits = Object.freeze({ fileBytesMax: 1024 ** 3, membersMax: 16 });

/** In this order; the first one is the challenge's convention. */
const MASK_KEYS = ['segs', 'pred_mask', 'mask'] as const;

const MASK_DTYPES: ReadonlySet<Dtype> = new Set<Dtype>([
  'bool',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'uint64',
  'int64',
]);

/**
 * Reads a model's mask from an NPZ file. Nothing in the file is trusted: links are not followed, pickles are never
 * looked at, the shape must be the input's, and every id must be one that `expectation` allows.
 * Memory: the mask itself (one byte per voxel, two for instances) and a few buffers.
 *
 * Rejects with `VolumeError`: `file_…`, `zip_…`, `npy_…`, `too_large`, `missing_member`, `mask_dtype`,
 * `mask_shape`, `mask_labels`.
 */
export async function readMask(path: string, options: ReadMaskOptions): Promise<Mask> {
  const archive = await openZip(path, options.limits);
  try {
    const member = maskMember(archive, options.keys ?? MASK_KEYS);
    return await withNpyMember(archive, member, (npy) => readLabels(npy, options), options.signal);
  } finally {
    await archive.close();
  }
}

function maskMember(archive: ZipArchive, keys: readonly string[]): ZipMember {
  for (const key of keys) {
    const member = archive.members.get(key);
    if (member !== undefined) return member;
  }
  throw new VolumeError('missing_member');
}

async function readLabels(npy: NpyStream, { shape, expectation }: ReadMaskOptions): Promise<Mask> {
  const type = maskArrayType(npy.header);
  const voxels = voxelCount(shape);
  if (npy.header.shape.length !== 3 || npy.header.shape.some((dim, axis) => dim !== shape[axis])) {
    throw new VolumeError('mask_shape');
  }
  if (npy.dataBytes !== voxels * type.itemBytes) throw new VolumeError('npy_size_mismatch');

  const data = expectation.kind === 'labels' ? new Uint8Array(voxels) : new Uint16Array(voxels);
  const isAllowed = allowedIds(expectation);
  const place = npy.header.fortranOrder ? fortranPlacer(data, shape) : straightPlacer(data);
  for await (const block of arrayBlocks(npy.data, type, voxels)) {
    place(block.firstItem, checkedIds(viewBlock(block.bytes, type.dtype), type, isAllowed));
  }
  return maskFrom(shape, data);
}

function maskArrayType(header: NpyHeader): ArrayType {
  const type = parseArrayType(header.descr);
  if (type === undefined || !MASK_DTYPES.has(type.dtype)) throw new VolumeError('mask_dtype');
  return type;
}

/** One flag per possible id; background is always allowed. */
function allowedIds(expectation: MaskExpectation): Uint8Array {
  if (expectation.kind === 'instances') return new Uint8Array(LABEL_ID_COUNT).fill(1);
  const allowed = new Uint8Array(LABEL_ID_COUNT);
  allowed[0] = 1;
  for (const id of expectation.ids) {
    if (!Number.isInteger(id) || id < 1 || id > 255) throw new RangeError('label ids are integers from 1 to 255');
    allowed[id] = 1;
  }
  return allowed;
}

/** The ids of a block, each of them allowed. Negative and huge numbers fall outside of the table of flags. */
function checkedIds(values: ArrayView, type: ArrayType, isAllowed: Uint8Array): ArrayView {
  const ids = type.itemBytes === 8 ? lowWords(values) : values;
  let last = 0;
  for (const id of ids) {
    if (id === last) continue;
    if (isAllowed[id] !== 1) throw new VolumeError('mask_labels');
    last = id;
  }
  return ids;
}

/** 64-bit integers below 2**32, from pairs of words; every other one has a high word that is not 0. */
function lowWords(words: ArrayView): Uint32Array {
  const low = new Uint32Array(words.length / 2);
  for (let index = 0; index < low.length; index += 1) {
    if (words[2 * index + 1] !== 0) throw new VolumeError('mask_labels');
    low[index] = words[2 * index] ?? 0;
  }
  return low;
}

type Placer = (firstItem: number, ids: ArrayView) => void;

function straightPlacer(data: Mask['data']): Placer {
  return (firstItem, ids) => data.set(ids, firstItem);
}

/** Items arrive with z fastest and x slowest. */
function fortranPlacer(data: Mask['data'], [depth, height, width]: Shape3): Placer {
  return (firstItem, ids) => {
    let z = firstItem % depth;
    let y = Math.floor(firstItem / depth) % height;
    let x = Math.floor(firstItem / (depth * height));
    for (const id of ids) {
      if (id !== 0) data[(z * height + y) * width + x] = id;
      z += 1;
      if (z < depth) continue;
      z = 0;
      y += 1;
      if (y < height) continue;
      y = 0;
      x += 1;
    }
  };
}
