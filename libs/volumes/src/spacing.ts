import { arrayBlocks, viewBlock } from './array-blocks.ts';
import { parseArrayType } from './dtype.ts';
import type { NpyHeader } from './npy-header.ts';
import { VolumeError } from './volume-error.ts';

export type Spacing = readonly [number, number, number];

const SPACING_MM_MAX = 1000;

/** Three numbers above 0 and up to 1000, in the file's order. Throws `spacing_invalid`. */
export async function parseSpacing(npy: { readonly header: NpyHeader; readonly data: Buffer }): Promise<Spacing> {
  const type = parseArrayType(npy.header.descr);
  const [length] = npy.header.shape;
  const isVector = npy.header.shape.length === 1 && length === 3;
  if (type === undefined || type.dtype === 'bool' || !isVector || npy.data.length !== 3 * type.itemBytes) {
    throw new VolumeError('spacing_invalid');
  }
  const values: number[] = [];
  for await (const { bytes } of arrayBlocks(single(npy.data), type, 3)) {
    if (type.dtype === 'int64' || type.dtype === 'uint64') {
      for (let item = 0; item < 3; item += 1) values.push(Number(bytes.readBigInt64LE(8 * item)));
    } else {
      values.push(...viewBlock(bytes, type.dtype));
    }
  }
  const [first, second, third] = values;
  if (first === undefined || second === undefined || third === undefined) throw new VolumeError('spacing_invalid');
  if (!values.every((value) => value > 0 && value <= SPACING_MM_MAX)) throw new VolumeError('spacing_invalid');
  return [first, second, third];
}

async function* single(data: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield data;
}
