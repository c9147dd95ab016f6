import { VolumeError } from './volume-error.ts';

/**
 * The header of an NPY array.
 * Format: numpy.lib.format, versions 1.0 to 3.0. NumPy evaluates the header as a Python literal, which accepts
 * comments, escapes and duplicate keys; here one anchored grammar stands for what NumPy itself writes.
 */
export type NpyHeader = {
  /** As written, for example `<f4` or `|O`. */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
};

/** NumPy's own headers have 128 bytes; this leaves room for other writers, not for bombs. */
const HEADER_TEXT_BYTES_MAX = 4096;
const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
const PREFIX_BYTES_V1 = 10;
const PREFIX_BYTES_V2 = 12;
/** NumPy pads headers to this, so that the data may be mapped into memory. */
const HEADER_ALIGNMENT_BYTES = 64;

/** Enough bytes to know how long the header is. */
export const NPY_PREFIX_BYTES = PREFIX_BYTES_V2;

const VALUE = `'[<>|=]?[A-Za-z]\\d{0,4}'|True|False|\\([\\d, ]{0,128}\\)`;
const PAIR = ` *'(descr|fortran_order|shape)' *: *(${VALUE}) *`;
const HEADER = new RegExp(`^\\{${PAIR},${PAIR},${PAIR}(?:, *)?\\} *\\n$`);
/** Python knows no leading zeros. */
const DIM = '(?:0|[1-9]\\d{0,9})';
const SHAPE = new RegExp(`^\\((?:|${DIM},|${DIM}(?:, ?${DIM})+,?)\\)$`);

/** Length of prefix and header text together, from the first `NPY_PREFIX_BYTES` bytes. Throws `npy_header`. */
export function npyHeaderBytes(prefix: Buffer): number {
  if (prefix.length < NPY_PREFIX_BYTES || !prefix.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new VolumeError('npy_header');
  }
  const major = prefix.readUInt8(6);
  if (major < 1 || major > 3 || prefix.readUInt8(7) !== 0) throw new VolumeError('npy_header');
  const textBytes = major === 1 ? prefix.readUInt16LE(8) : prefix.readUInt32LE(8);
  if (textBytes > HEADER_TEXT_BYTES_MAX) throw new VolumeError('npy_header');
  return textBytes + (major === 1 ? PREFIX_BYTES_V1 : PREFIX_BYTES_V2);
}

/** Reads a whole header, prefix included. Throws `npy_header` for everything outside of the grammar. */
export function parseNpyHeader(header: Buffer): NpyHeader {
  const prefixBytes = header.readUInt8(6) === 1 ? PREFIX_BYTES_V1 : PREFIX_BYTES_V2;
  const match = HEADER.exec(header.toString('latin1', prefixBytes));
  if (match === null) throw new VolumeError('npy_header');
  const values = new Map<string, string>();
  for (let group = 1; group < match.length; group += 2) values.set(match[group] ?? '', match[group + 1] ?? '');

  const descr = /^'(.+)'$/.exec(values.get('descr') ?? '')?.[1];
  const fortranOrder = values.get('fortran_order') ?? '';
  const shape = values.get('shape') ?? '';
  if (values.size !== 3 || descr === undefined || !SHAPE.test(shape) || !/^(True|False)$/.test(fortranOrder)) {
    throw new VolumeError('npy_header');
  }
  return {
    descr,
    fortranOrder: fortranOrder === 'True',
    shape: (shape.match(/\d+/g) ?? []).map(Number),
  };
}

/** A version 1.0 header, byte for byte as NumPy writes it. */
export function formatNpyHeader(header: NpyHeader): Buffer {
  const shape = header.shape.length === 1 ? `${header.shape.join()},` : header.shape.join(', ');
  const order = header.fortranOrder ? 'True' : 'False';
  const text = `{'descr': '${header.descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`;
  const unpadded = PREFIX_BYTES_V1 + text.length + 1;
  const padding = ' '.repeat((HEADER_ALIGNMENT_BYTES - (unpadded % HEADER_ALIGNMENT_BYTES)) % HEADER_ALIGNMENT_BYTES);
  const prefix = Buffer.alloc(4);
  prefix.writeUInt16LE(0x0001, 0);
  prefix.writeUInt16LE(text.length + padding.length + 1, 2);
  return Buffer.concat([MAGIC, prefix, Buffer.from(`${text}${padding}\n`, 'latin1')]);
}
