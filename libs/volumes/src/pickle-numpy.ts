import type { PickledArray, PickledDtype, PickleValue } from './pickle-value.ts';
import { VolumeError } from './volume-error.ts';

const OBJECT_DTYPE = /^O[48]$/;
const INTEGER_DTYPE = /^[iu]([1248])$/;
const SINGLE_BYTE_DTYPE = /^[iu]1$/;
const TEXT_DTYPE = /^U(0|[1-9]\d{0,3})$/;
/** `numpy.dtype.flags` of objects and of text. Source: NPY_OBJECT_DTYPE_FLAGS and NPY_NEEDS_INIT in ndarraytypes.h. */
const OBJECT_FLAGS = 63n;
const TEXT_FLAGS = 8n;
const UCS4_BYTES = 4;
const CODE_POINT_MAX = 0x10ffff;
const SURROGATE_MIN = 0xd800;
const SURROGATE_MAX = 0xdfff;
const DTYPE_STATE_VERSION = 3n;
const ARRAY_STATE_VERSION = 1n;

function refuse(): never {
  throw new VolumeError('pickle_unsupported');
}

function tupleItems(value: PickleValue | undefined): readonly PickleValue[] {
  const isTuple = typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tuple';
  return isTuple ? value.items : refuse();
}

function isGlobal(value: PickleValue | undefined, name: string): boolean {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'global' && value.name === name
  );
}

/** The REDUCE opcode, for the four calls that NumPy's pickles make. */
export function reduceCall(callee: PickleValue, argument: PickleValue): PickleValue {
  const args = tupleItems(argument);
  if (isGlobal(callee, 'reconstruct')) return reconstruct(args);
  if (isGlobal(callee, 'dtype')) return makeDtype(args);
  if (isGlobal(callee, 'scalar')) return makeScalar(args);
  if (isGlobal(callee, 'encode')) return encodeLatin1(args);
  return refuse();
}

/** `_reconstruct(ndarray, (0,), b'b')`: an empty array, filled by BUILD. */
function reconstruct(args: readonly PickleValue[]): PickledArray {
  const [type, shape, typeCode] = args;
  const dims = tupleItems(shape);
  const isExpected =
    args.length === 3 &&
    isGlobal(type, 'ndarray') &&
    dims.length === 1 &&
    dims[0] === 0n &&
    Buffer.isBuffer(typeCode) &&
    typeCode.equals(Buffer.from('b'));
  return isExpected ? { kind: 'ndarray', payload: undefined } : refuse();
}

/** `dtype('O8', False, True)`; older NumPy writes 0 and 1. */
function makeDtype(args: readonly PickleValue[]): PickledDtype {
  const [code, align, copy] = args;
  const isExpected =
    args.length === 3 &&
    typeof code === 'string' &&
    (align === false || align === 0n) &&
    (copy === true || copy === 1n) &&
    (OBJECT_DTYPE.test(code) || INTEGER_DTYPE.test(code) || TEXT_DTYPE.test(code));
  return isExpected ? { kind: 'dtype', code, byteOrder: undefined } : refuse();
}

/** `scalar(dtype, bytes)`: `np.int64(1)` or `np.str_('…')` as a dictionary's value. */
function makeScalar(args: readonly PickleValue[]): PickleValue {
  const [dtype, bytes] = args;
  const isDtype = typeof dtype === 'object' && dtype !== null && 'kind' in dtype && dtype.kind === 'dtype';
  if (args.length !== 2 || !isDtype || dtype.byteOrder === undefined || !Buffer.isBuffer(bytes)) return refuse();
  const littleEndian = dtype.byteOrder === '>' ? bytes.toReversed() : bytes;
  const integerBytes = INTEGER_DTYPE.exec(dtype.code)?.[1];
  if (integerBytes !== undefined) {
    if (bytes.length !== Number(integerBytes)) return refuse();
    return integerFrom(littleEndian, dtype.code.startsWith('i'));
  }
  const textLength = TEXT_DTYPE.exec(dtype.code)?.[1];
  if (textLength === undefined || bytes.length !== Number(textLength) * UCS4_BYTES) return refuse();
  return textFrom(bytes, dtype.byteOrder === '>');
}

function integerFrom(littleEndian: Uint8Array, isSigned: boolean): bigint {
  let value = 0n;
  for (const byte of littleEndian.toReversed()) value = (value << 8n) | BigInt(byte);
  return isSigned ? BigInt.asIntN(littleEndian.length * 8, value) : value;
}

/** UCS-4 with trailing NULs as padding. Surrogates are refused: Python keeps a pair apart, here it would become one letter. */
function textFrom(bytes: Buffer, isBigEndian: boolean): string {
  const codePoints: number[] = [];
  for (let offset = 0; offset < bytes.length; offset += UCS4_BYTES) {
    const codePoint = isBigEndian ? bytes.readUInt32BE(offset) : bytes.readUInt32LE(offset);
    if (codePoint > CODE_POINT_MAX || (codePoint >= SURROGATE_MIN && codePoint <= SURROGATE_MAX)) return refuse();
    codePoints.push(codePoint);
  }
  // Not by /\0+$/: that starts anew at every NUL, and a pickle can have one text decoded thousands of times.
  while (codePoints.at(-1) === 0) codePoints.pop();
  return String.fromCodePoint(...codePoints);
}

/** `_codecs.encode('b', 'latin1')`: how protocol 2 writes bytes. */
function encodeLatin1(args: readonly PickleValue[]): Buffer {
  const [text, encoding] = args;
  if (args.length !== 2 || typeof text !== 'string' || encoding !== 'latin1') return refuse();
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) > 0xff) return refuse();
  }
  return Buffer.from(text, 'latin1');
}

/** The BUILD opcode, for arrays and dtypes that were not built before. */
export function buildObject(target: PickleValue, state: PickleValue): void {
  const items = tupleItems(state);
  if (typeof target !== 'object' || target === null || !('kind' in target)) return refuse();
  if (target.kind === 'dtype') return buildDtype(target, items);
  if (target.kind === 'ndarray') return buildArray(target, items);
  return refuse();
}

/**
 * `(3, '<', None, None, None, itemsize, alignment, flags)`. NumPy believes the last three, flags about references
 * included, so they must be what it writes itself for this type.
 */
function buildDtype(dtype: PickledDtype, state: readonly PickleValue[]): void {
  const [version, byteOrder, ...rest] = state;
  const expected = [null, null, null, ...layoutOf(dtype.code)];
  const isExpected =
    dtype.byteOrder === undefined &&
    state.length === 8 &&
    version === DTYPE_STATE_VERSION &&
    rest.every((value, index) => value === expected[index]);
  if (!isExpected || typeof byteOrder !== 'string' || !byteOrders(dtype.code).includes(byteOrder)) return refuse();
  dtype.byteOrder = byteOrder;
}

/** Item size, alignment and flags; -1 stands for "as the type has it". */
function layoutOf(code: string): readonly bigint[] {
  if (OBJECT_DTYPE.test(code)) return [-1n, -1n, OBJECT_FLAGS];
  const textLength = TEXT_DTYPE.exec(code)?.[1];
  if (textLength === undefined) return [-1n, -1n, 0n];
  return [BigInt(Number(textLength) * UCS4_BYTES), BigInt(UCS4_BYTES), TEXT_FLAGS];
}

/** References and single bytes have no byte order. */
function byteOrders(code: string): readonly string[] {
  return OBJECT_DTYPE.test(code) || SINGLE_BYTE_DTYPE.test(code) ? ['|'] : ['<', '>'];
}

/** `(1, (), dtype('O'), False, [payload])`. */
function buildArray(array: PickledArray, state: readonly PickleValue[]): void {
  const [version, shape, dtype, isFortran, values] = state;
  const isObjectDtype =
    typeof dtype === 'object' &&
    dtype !== null &&
    'kind' in dtype &&
    dtype.kind === 'dtype' &&
    dtype.byteOrder !== undefined &&
    OBJECT_DTYPE.test(dtype.code);
  const isList = typeof values === 'object' && values !== null && 'kind' in values && values.kind === 'list';
  const isExpected =
    array.payload === undefined &&
    state.length === 5 &&
    version === ARRAY_STATE_VERSION &&
    tupleItems(shape).length === 0 &&
    isObjectDtype &&
    isFortran === false;
  if (!isExpected || !isList || values.items.length !== 1) return refuse();
  array.payload = values.items[0];
}
