import type { ArrayType, Dtype } from './dtype.ts';
import { VolumeError } from './volume-error.ts';

/** 64-bit integers come as pairs of 32-bit words, low word first: BigInt is far too slow for volumes. */
export type ArrayView =
  Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

/** Whole, aligned, little-endian items; valid only until the next block is asked for. */
export type ArrayBlock = { readonly firstItem: number; readonly itemCount: number; readonly bytes: Buffer };

/** A multiple of every item size. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * Cuts a stream of array data into blocks that typed arrays can look at, in constant memory.
 * Throws `npy_size_mismatch` when the data isn't exactly `itemCount` items.
 */
export async function* arrayBlocks(
  data: AsyncIterable<Buffer>,
  type: ArrayType,
  itemCount: number,
): AsyncGenerator<ArrayBlock, void, undefined> {
  // A buffer of its own starts at offset 0, so that views of any item size are aligned.
  const block = Buffer.from(new ArrayBuffer(BLOCK_BYTES));
  let filled = 0;
  let firstItem = 0;
  const take = (): ArrayBlock => {
    const bytes = block.subarray(0, filled);
    if (type.byteOrder === 'big') swapBytes(bytes, type.itemBytes);
    const taken = { firstItem, itemCount: filled / type.itemBytes, bytes };
    firstItem += taken.itemCount;
    filled = 0;
    if (firstItem > itemCount) throw new VolumeError('npy_size_mismatch');
    return taken;
  };
  for await (const chunk of data) {
    let used = 0;
    while (used < chunk.length) {
      const copied = chunk.copy(block, filled, used, used + BLOCK_BYTES - filled);
      used += copied;
      filled += copied;
      if (filled === BLOCK_BYTES) yield take();
    }
  }
  if (filled % type.itemBytes !== 0) throw new VolumeError('npy_size_mismatch');
  if (filled > 0) yield take();
  if (firstItem !== itemCount) throw new VolumeError('npy_size_mismatch');
}

function swapBytes(bytes: Buffer, itemBytes: ArrayType['itemBytes']): void {
  if (itemBytes === 2) bytes.swap16();
  if (itemBytes === 4) bytes.swap32();
  if (itemBytes === 8) bytes.swap64();
}

/** Numbers of a block. The hosts that Node runs on are little-endian, as the block is. */
export function viewBlock(bytes: Buffer, dtype: Dtype): ArrayView {
  const { buffer, byteOffset, length } = bytes;
  switch (dtype) {
    case 'bool':
    case 'uint8':
      return new Uint8Array(buffer, byteOffset, length);
    case 'int8':
      return new Int8Array(buffer, byteOffset, length);
    case 'uint16':
      return new Uint16Array(buffer, byteOffset, length / 2);
    case 'int16':
      return new Int16Array(buffer, byteOffset, length / 2);
    case 'uint32':
    case 'uint64':
    case 'int64':
      return new Uint32Array(buffer, byteOffset, length / 4);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length / 4);
    case 'float32':
      return new Float32Array(buffer, byteOffset, length / 4);
    case 'float64':
      return new Float64Array(buffer, byteOffset, length / 8);
  }
}
