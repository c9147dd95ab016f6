import { VolumeError } from './volume-error.ts';

/** Data types of `imgs` that can be asked for in a policy. */
export const IMG_DTYPES = ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'float32', 'float64'] as const;
export type ImgDtype = (typeof IMG_DTYPES)[number];

/** Everything that the NPY reader understands; masks may also come as booleans or 64-bit integers. */
export type Dtype = ImgDtype | 'bool' | 'uint64' | 'int64';

export type ByteOrder = 'little' | 'big';

/** A NumPy dtype: what it is, how it lies in the file. */
export type ArrayType = { readonly dtype: Dtype; readonly itemBytes: 1 | 2 | 4 | 8; readonly byteOrder: ByteOrder };

const DTYPE_BY_CODE: ReadonlyMap<string, Pick<ArrayType, 'dtype' | 'itemBytes'>> = new Map([
  ['b1', { dtype: 'bool', itemBytes: 1 }],
  ['u1', { dtype: 'uint8', itemBytes: 1 }],
  ['i1', { dtype: 'int8', itemBytes: 1 }],
  ['u2', { dtype: 'uint16', itemBytes: 2 }],
  ['i2', { dtype: 'int16', itemBytes: 2 }],
  ['u4', { dtype: 'uint32', itemBytes: 4 }],
  ['i4', { dtype: 'int32', itemBytes: 4 }],
  ['u8', { dtype: 'uint64', itemBytes: 8 }],
  ['i8', { dtype: 'int64', itemBytes: 8 }],
  ['f4', { dtype: 'float32', itemBytes: 4 }],
  ['f8', { dtype: 'float64', itemBytes: 8 }],
]);

/**
 * Reads a NumPy `descr` string such as `<f4` or `|u1`.
 * Undefined for everything else: objects, text, complex numbers, dates, and multi-byte numbers without a byte order.
 */
export function parseArrayType(descr: string): ArrayType | undefined {
  const order = descr.charAt(0);
  const known = DTYPE_BY_CODE.get(descr.slice(1));
  if (known === undefined) return undefined;
  if (order === '|' && known.itemBytes !== 1) return undefined;
  if (order !== '|' && order !== '<' && order !== '>') return undefined;
  return { ...known, byteOrder: order === '>' ? 'big' : 'little' };
}

/** The `descr` of a little-endian array, as NumPy writes it. */
export function littleEndianDescr(dtype: Dtype): string {
  for (const [code, known] of DTYPE_BY_CODE) {
    if (known.dtype === dtype) return `${known.itemBytes === 1 ? '|' : '<'}${code}`;
  }
  throw new TypeError('unknown dtype');
}

export function isImgDtype(dtype: Dtype): dtype is ImgDtype {
  return (IMG_DTYPES as readonly Dtype[]).includes(dtype); // widened: includes() of a tuple takes only its own members
}

/** The type of `imgs`, or `dtype_unsupported`. */
export function imgArrayType(descr: string): ArrayType & { readonly dtype: ImgDtype } {
  const type = parseArrayType(descr);
  if (type === undefined || !isImgDtype(type.dtype)) throw new VolumeError('dtype_unsupported');
  return { ...type, dtype: type.dtype };
}
