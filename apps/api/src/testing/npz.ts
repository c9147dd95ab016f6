import { crc32, deflateRawSync } from 'node:zlib';

/* NPZ files as NumPy writes them, by hand: the tests of libs/volumes compare the format with NumPy itself. */

const MAGIC = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
const ALIGNMENT = 64;

/** A NPY file of version 1.0. `shape` as Python writes it, such as `(2, 3, 4)`. */
export function npy(descr: string, shape: string, data: Uint8Array): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  const padding = ALIGNMENT - ((MAGIC.length + 2 + text.length + 1) % ALIGNMENT);
  const header = Buffer.from(`${text}${' '.repeat(padding)}\n`, 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([MAGIC, length, header, data]);
}

export type ZipMember = { name: string; data: Buffer };

/** A ZIP archive with deflated members. */
export function zip(members: readonly ZipMember[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data } of members) {
    const packed = deflateRawSync(data);
    const fixed = Buffer.alloc(26);
    fixed.writeUInt16LE(20, 0); // version needed
    fixed.writeUInt16LE(8, 4); // deflate
    fixed.writeUInt16LE(0x21, 8); // 1980-01-01
    fixed.writeUInt32LE(crc32(data), 10);
    fixed.writeUInt32LE(packed.length, 14);
    fixed.writeUInt32LE(data.length, 18);
    fixed.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fixed, Buffer.from(name, 'latin1'), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fixed, tail, Buffer.from(name, 'latin1')]),
    );
    parts.push(local);
    offset += local.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(members.length, 4);
  end.writeUInt16LE(members.length, 6);
  end.writeUInt32LE(index.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, index, Buffer.from('PK\x05\x06', 'latin1'), end]);
}

export const SHAPE = [4, 6, 8] as const;
const VOXELS = SHAPE[0] * SHAPE[1] * SHAPE[2];

/** A small volume with every value from 0 up. */
export function uint8Imgs(): Buffer {
  return npy(
    '|u1',
    '(4, 6, 8)',
    Uint8Array.from({ length: VOXELS }, (_, index) => index),
  );
}

export function float32Imgs(value: (index: number) => number): Buffer {
  const data = Buffer.alloc(VOXELS * 4);
  for (let index = 0; index < VOXELS; index += 1) data.writeFloatLE(value(index), index * 4);
  return npy('<f4', '(4, 6, 8)', data);
}

export function int16Imgs(value: (index: number) => number): Buffer {
  const data = Buffer.alloc(VOXELS * 2);
  for (let index = 0; index < VOXELS; index += 1) data.writeInt16LE(value(index), index * 2);
  return npy('<i2', '(4, 6, 8)', data);
}

export function spacingMember(spacing: readonly number[]): ZipMember {
  const data = Buffer.alloc(spacing.length * 8);
  spacing.forEach((size, axis) => data.writeDoubleLE(size, axis * 8));
  return { name: 'spacing.npy', data: npy('<f8', `(${spacing.length},)`, data) };
}

/** A dict in a 0-d object array, as `numpy.savez(..., text_prompts=dict)` pickles it (protocol 3). */
export function promptsMember(prompts: Readonly<Record<string, string | number>>): ZipMember {
  const items = Object.entries(prompts).flatMap(([name, value]) => [
    pickledText(name),
    typeof value === 'number' ? Buffer.from([0x4b, value]) : pickledText(value),
  ]);
  return pickleMember([
    latin1('\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R'),
    latin1('(K\x01)cnumpy\ndtype\nX\x02\x00\x00\x00O8\x89\x88\x87R'),
    latin1('(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb\x89]}('),
    ...items,
    latin1('uatb.'),
  ]);
}

/** What `pickle.dumps` makes of an object whose `__reduce__` calls `os.system`. */
export function commandMember(command: string): ZipMember {
  return pickleMember([latin1('\x80\x03cposix\nsystem\n'), pickledText(command), latin1('\x85R.')]);
}

function pickleMember(parts: readonly Buffer[]): ZipMember {
  return { name: 'text_prompts.npy', data: npy('|O', '()', Buffer.concat(parts)) };
}

function pickledText(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([latin1('X'), length, bytes]);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** The NPZ of a usual request. */
export function usualNpz(): Buffer {
  return npzOf(uint8Imgs(), [spacingMember([0.5, 0.75, 2])]);
}

export function npzOf(imgs: Buffer, others: readonly ZipMember[] = []): Buffer {
  return zip([{ name: 'imgs.npy', data: imgs }, ...others]);
}
