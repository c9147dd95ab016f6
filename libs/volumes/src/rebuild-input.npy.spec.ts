import { describe, expect, it } from '@jest/globals';

import { rebuildInput } from './rebuild-input.ts';
import { NO_GEOMETRY } from './settle-spacing.ts';
import type { InputPolicy } from './input-policy.ts';
import {
  floats,
  imgsMember,
  npy,
  npyWithHeader,
  outcomeOf,
  smallNpz,
  testPolicy,
  testShape,
} from './testing/npz-cases.ts';
import { rawZip } from './testing/raw-zip.ts';
import type { VolumeErrorCode } from './volume-error.ts';

const rebuild = (bytes: Buffer, policy: InputPolicy = testPolicy) =>
  outcomeOf(bytes, (sourcePath, targetPath) => rebuildInput({ sourcePath, targetPath, policy, geometry: NO_GEOMETRY }));
const withImgs = (content: Buffer) => rawZip({ members: [imgsMember(content)] });
const bytes24 = Buffer.from(Array.from({ length: 24 }, (_, index) => index));
const headed = (text: string, version?: readonly [number, number]) => withImgs(npyWithHeader(text, bytes24, version));

describe('headers that are accepted', () => {
  const cases: readonly (readonly [string, Buffer])[] = [
    ['any order of keys', headed("{'shape': (2, 3, 4), 'descr': '|u1', 'fortran_order': False}\n")],
    ['no spaces', headed("{'descr':'|u1','fortran_order':True,'shape':(2,3,4)}\n")],
    ['version 2', headed("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }   \n", [2, 0])],
    ['version 3', headed("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }\n", [3, 0])],
  ];
  it.each(cases)('%s', async (_name, bytes) => {
    expect(await rebuild(bytes)).toBe('accepted');
  });
});

describe('headers that are refused', () => {
  const good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }\n";
  const cases: readonly (readonly [string, VolumeErrorCode, Buffer])[] = [
    ['no array', 'npy_header', withImgs(Buffer.from('PK'))],
    ['another magic', 'npy_header', withImgs(Buffer.from('\x93NUMPZ\x01\x00\x10\x00and so on', 'latin1'))],
    ['version 0', 'npy_header', headed(good, [0, 0])],
    ['version 4', 'npy_header', headed(good, [4, 0])],
    ['version 1.1', 'npy_header', headed(good, [1, 1])],
    ['no line feed', 'npy_header', headed(good.trimEnd())],
    ['a comment', 'npy_header', headed(good.replace('}', '} # no'))],
    ['an escape', 'npy_header', headed(good.replace('|u1', '\\x7cu1'))],
    ['a key twice', 'npy_header', headed("{'descr': '|u1', 'descr': '|u1', 'shape': (2, 3, 4), }\n")],
    ['a fourth key', 'npy_header', headed(good.replace(', }', ", 'x': True, }"))],
    ['a missing key', 'npy_header', headed("{'descr': '|u1', 'shape': (2, 3, 4), }\n")],
    ['double quotes', 'npy_header', headed(good.replaceAll("'", '"'))],
    ['Python 2 numbers', 'npy_header', headed(good.replace('(2,', '(2L,'))],
    ['a negative dimension', 'npy_header', headed(good.replace('(2,', '(-1,'))],
    ['an expression', 'npy_header', headed(good.replace('False', '__import__("os")'))],
    ['a shape that is a word', 'npy_header', headed(good.replace('(2, 3, 4)', 'True'))],
    ['a record type', 'npy_header', headed(good.replace("'|u1'", "[('a', '|u1')]"))],
    ['a header without end', 'npy_header', headed(good.padStart(5000), [2, 0])],
    [
      'a declared header of 4 GiB',
      'npy_header',
      withImgs(Buffer.concat([Buffer.from('\x93NUMPY\x02\x00\xff\xff\xff\xff', 'latin1'), bytes24])),
    ],
    ['a header longer than the member', 'npy_header', withImgs(Buffer.from('\x93NUMPY\x01\x00\xff\x0fabc', 'latin1'))],
    ['two dimensions', 'rank_invalid', withImgs(npy('|u1', [6, 4], bytes24))],
    ['four dimensions', 'rank_invalid', withImgs(npy('|u1', [1, 2, 3, 4], bytes24))],
    ['no dimension', 'rank_invalid', withImgs(npy('|u1', [], bytes24))],
    ['an empty dimension', 'shape_invalid', withImgs(npy('|u1', [0, 3, 4], Buffer.alloc(0)))],
    ['a huge dimension', 'shape_invalid', withImgs(npy('|u1', [4_294_967_296, 3, 4], bytes24))],
    ['too many voxels', 'too_large', withImgs(npy('|u1', [2048, 2048, 2048], bytes24))],
    ['too few bytes', 'npy_size_mismatch', withImgs(npy('|u1', testShape, bytes24.subarray(1)))],
    ['too many bytes', 'npy_size_mismatch', withImgs(npy('|u1', testShape, Buffer.concat([bytes24, bytes24])))],
    ...['|O', '<c8', '<U5', '|S4', '|V1', '<f2', '|b1', '<i8', '=f4', '|u2', '<M8', 'u1'].map(
      (descr) => [`type ${descr}`, 'dtype_unsupported', withImgs(npy(descr, testShape, bytes24))] as const,
    ),
  ];
  it.each(cases)('%s: %s', async (_name, code, bytes) => {
    expect(await rebuild(bytes)).toBe(code);
  });

  it('types that the policy does not list: dtype_unsupported', async () => {
    expect(await rebuild(smallNpz(), { ...testPolicy, dtypes: ['float32'] })).toBe('dtype_unsupported');
  });

  it('files above the upload limit: too_large', async () => {
    const limits = { ...testPolicy.limits, uploadBytesMax: 100 };
    expect(await rebuild(smallNpz(), { ...testPolicy, limits })).toBe('too_large');
  });
});

describe('values', () => {
  const imgs = (...values: readonly number[]) => withImgs(npy('<f4', [1, 1, values.length], floats(...values)));
  const int16 = (...values: readonly number[]) =>
    withImgs(npy('<i2', [1, 1, values.length], Buffer.from(Int16Array.from(values).buffer)));
  const cases: readonly (readonly [string, VolumeErrorCode | 'accepted', Buffer])[] = [
    ['0 to 255 as floats', 'accepted', imgs(0, 17.5, 255)],
    ['normalized floats', 'accepted', imgs(0, 0.5, 1)],
    ['NaN', 'not_finite', imgs(0, Number.NaN, 3)],
    ['infinity', 'not_finite', imgs(0, 1, Number.POSITIVE_INFINITY)],
    ['z-scores', 'intensity_range', imgs(-1.5, 0, 1.5)],
    ['Hounsfield units', 'intensity_range', int16(-1024, 0, 800)],
    ['16-bit intensities', 'intensity_range', int16(0, 300, 4095)],
    ['floats just above 255', 'intensity_range', imgs(0, 1, 255.5)],
    ['one value', 'intensity_flat', imgs(7, 7, 7)],
    ['two values of integers', 'intensity_flat', int16(0, 1, 0)],
    ['two values of floats', 'intensity_flat', imgs(0, 1, 0)],
  ];
  it.each(cases)('%s: %s', async (_name, code, bytes) => {
    expect(await rebuild(bytes)).toBe(code);
  });
});

describe('spacing', () => {
  const spacing = (content: Buffer) => smallNpz({ name: 'spacing.npy', content });
  const cases: readonly (readonly [string, VolumeErrorCode | 'accepted', Buffer])[] = [
    ['floats', 'accepted', npy('<f4', [3], floats(0.5, 0.5, 5))],
    [
      '64-bit integers',
      'accepted',
      npy('>i8', [3], Buffer.from('000000000000000100000000000000010000000000000005', 'hex')),
    ],
    ['zero', 'spacing_invalid', npy('<f4', [3], floats(0.5, 0, 5))],
    ['negative', 'spacing_invalid', npy('<f4', [3], floats(0.5, -1, 5))],
    ['NaN', 'spacing_invalid', npy('<f4', [3], floats(0.5, Number.NaN, 5))],
    ['infinite', 'spacing_invalid', npy('<f4', [3], floats(0.5, Number.POSITIVE_INFINITY, 5))],
    ['above a metre', 'spacing_invalid', npy('<f4', [3], floats(0.5, 1001, 5))],
    ['two numbers', 'spacing_invalid', npy('<f4', [2], floats(1, 1))],
    ['a matrix', 'spacing_invalid', npy('<f4', [1, 3], floats(1, 1, 1))],
    ['objects', 'spacing_invalid', npy('|O', [3], Buffer.alloc(24))],
    ['too few bytes', 'spacing_invalid', npy('<f4', [3], floats(1, 1))],
  ];
  it.each(cases)('%s: %s', async (_name, code, content) => {
    expect(await rebuild(spacing(content))).toBe(code);
  });
});
