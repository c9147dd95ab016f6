import { floats, npy, npyWithHeader, smallNpz, testShape } from '../npz-cases.ts';
import { bytes24, casesOf, withHeader, withImgs } from './hostile-case.ts';
import type { HostileRow } from './hostile-case.ts';

/** NPY headers that NumPy would evaluate, or that promise other data than there is. */

const good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }\n";
const changed = (from: string, to: string) => () => withHeader(good.replace(from, to));
const shaped = (shape: readonly number[]) => () => withImgs(npy('|u1', shape, bytes24));
const raw = (text: string) => () => withImgs(Buffer.from(text, 'latin1'));

export const hostileHeaders = casesOf([
  ['no array', 'npy format', 'npy_header', raw('PK')],
  ['nothing', 'npy format', 'npy_header', raw('')],
  ['a pickle', 'CVE-2019-6446', 'npy_header', raw('\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R.')],
  ['another magic', 'npy format', 'npy_header', raw('\x93NUMPZ\x01\x00\x10\x00and so on')],
  ['version 0', 'npy format', 'npy_header', () => withHeader(good, [0, 0])],
  ['version 4', 'npy format', 'npy_header', () => withHeader(good, [4, 0])],
  ['version 1.1', 'npy format', 'npy_header', () => withHeader(good, [1, 1])],
  ['no line feed', 'npy format', 'npy_header', () => withHeader(good.trimEnd())],
  ['no padding but zeros', 'npy format', 'npy_header', changed('\n', '\0\0\n')],
  ['a line feed inside', 'npy format', 'npy_header', changed(', ', ',\n')],
  ['a tab', 'npy format', 'npy_header', changed(', ', ',\t')],
  ['a comment', 'npy format', 'npy_header', changed('}', '} # no')],
  ['an escape', 'npy format', 'npy_header', changed('|u1', '\\x7cu1')],
  ['a joined literal', 'npy format', 'npy_header', changed("'|u1'", "'|u' '1'")],
  ['a raw literal', 'npy format', 'npy_header', changed("'|u1'", "r'|u1'")],
  ['bytes as type', 'npy format', 'npy_header', changed("'|u1'", "b'|u1'")],
  ['a letter beyond ASCII', 'npy format', 'npy_header', changed('descr', 'd\xe9scr')],
  ['a NUL', 'npy format', 'npy_header', changed('}', '\0}')],
  [
    'a key twice',
    'npy format',
    'npy_header',
    () => withHeader("{'descr': '|u1', 'descr': '|u1', 'shape': (2, 3, 4), }\n"),
  ],
  ['a fourth key', 'npy format', 'npy_header', changed(', }', ", 'x': True, }")],
  ['a missing key', 'npy format', 'npy_header', () => withHeader("{'descr': '|u1', 'shape': (2, 3, 4), }\n")],
  ['a list of pairs', 'npy format', 'npy_header', () => withHeader("[('descr', '|u1'), ('shape', (2, 3, 4))]\n")],
  ['double quotes', 'npy format', 'npy_header', () => withHeader(good.replaceAll("'", '"'))],
  ['Python 2 numbers', 'npy format', 'npy_header', changed('(2,', '(2L,')],
  ['a number in another base', 'npy format', 'npy_header', changed('(2,', '(0x2,')],
  ['a number with a leading zero', 'npy format', 'npy_header', changed('(2,', '(02,')],
  ['a number with an underscore', 'npy format', 'npy_header', changed('4)', '0_4)')],
  ['a fraction', 'npy format', 'npy_header', changed('(2,', '(2.0,')],
  ['a negative dimension', 'npy format', 'npy_header', changed('(2,', '(-1,')],
  ['a truth as dimension', 'npy format', 'npy_header', changed('(2,', '(True,')],
  ['a list as shape', 'npy format', 'npy_header', changed('(2, 3, 4)', '[2, 3, 4]')],
  ['a shape that is a word', 'npy format', 'npy_header', changed('(2, 3, 4)', 'True')],
  ['an expression', 'npy format', 'npy_header', changed('False', '__import__("os")')],
  ['a product', 'npy format', 'npy_header', changed('(2,', '(1*2,')],
  ['thousands of brackets', 'npy format', 'npy_header', changed('(2, 3, 4)', '('.repeat(3000) + ')'.repeat(1000))],
  ['a record type', 'npy format', 'npy_header', changed("'|u1'", "[('a', '|u1')]")],
  ['a header without end', 'npy format', 'npy_header', () => withHeader(good.padStart(5000), [2, 0])],
  ['a header of 64 KiB', 'npy format', 'npy_header', () => withHeader(good.replace('\n', `${' '.repeat(65_000)}\n`))],
  ['a declared header of 4 GiB', 'npy format', 'npy_header', raw('\x93NUMPY\x02\x00\xff\xff\xff\xff')],
  ['a declared header of 4 GiB and data', 'npy format', 'npy_header', raw(`\x93NUMPY\x03\x00\xff\xff\xff\xff${good}`)],
  ['a header longer than the member', 'npy format', 'npy_header', raw('\x93NUMPY\x01\x00\xff\x0fabc')],
  ['a header of no bytes', 'npy format', 'npy_header', () => withHeader('')],
  ['two dimensions', 'array rules', 'rank_invalid', shaped([6, 4])],
  ['four dimensions', 'array rules', 'rank_invalid', shaped([1, 2, 3, 4])],
  ['no dimension', 'array rules', 'rank_invalid', shaped([])],
  ['thirty dimensions', 'array rules', 'rank_invalid', shaped(Array.from({ length: 30 }, () => 1))],
  ['an empty dimension', 'array rules', 'shape_invalid', () => withImgs(npy('|u1', [0, 3, 4], Buffer.alloc(0)))],
  ['a dimension of 2^32', 'npyjs 1.2.0', 'shape_invalid', shaped([4_294_967_296, 3, 4])],
  ['a shape of (2^31 - 1)³', 'npyjs 1.2.0', 'shape_invalid', shaped([2_147_483_647, 2_147_483_647, 2_147_483_647])],
  [
    'a shape whose product wraps around to 24',
    'npyjs 1.2.0',
    'shape_invalid',
    shaped([4_294_967_296, 4_294_967_296, 24]),
  ],
  ['too many voxels', 'npyjs 1.2.0', 'too_large', shaped([2048, 2048, 2048])],
  ['too few bytes', 'npyjs 1.2.0', 'npy_size_mismatch', () => withImgs(npy('|u1', testShape, bytes24.subarray(1)))],
  [
    'too many bytes',
    'npy format',
    'npy_size_mismatch',
    () => withImgs(npy('|u1', testShape, Buffer.concat([bytes24, bytes24]))),
  ],
  ...[
    '<c8',
    '<U5',
    '|S4',
    '|V1',
    '<f2',
    '<f16',
    '|b1',
    '<i8',
    '<u8',
    '=f4',
    '|u2',
    '<M8',
    '<m8',
    'u1',
    '>u3',
    '|O8',
  ].map((descr): HostileRow => [
    `type ${descr}`,
    'array rules',
    'dtype_unsupported',
    () => withImgs(npy(descr, testShape, bytes24)),
  ]),
  [
    'objects as imgs',
    'CVE-2019-6446',
    'dtype_unsupported',
    () => withImgs(npy('|O', testShape, Buffer.from('\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R.', 'latin1'))),
  ],
]);

const imgs =
  (...values: readonly number[]) =>
  () =>
    withImgs(npy('<f4', [1, 1, values.length], floats(...values)));
const int16 =
  (...values: readonly number[]) =>
  () =>
    withImgs(npy('<i2', [1, 1, values.length], Buffer.from(Int16Array.from(values).buffer)));
const spacing = (content: Buffer) => () => smallNpz({ name: 'spacing.npy', content });

export const hostileValues = casesOf([
  ['NaN', 'array rules', 'not_finite', imgs(0, Number.NaN, 3)],
  ['infinity', 'array rules', 'not_finite', imgs(0, 1, Number.POSITIVE_INFINITY)],
  ['z-scores', 'array rules', 'intensity_range', imgs(-1.5, 0, 1.5)],
  ['Hounsfield units', 'array rules', 'intensity_range', int16(-1024, 0, 800)],
  ['16-bit intensities', 'array rules', 'intensity_range', int16(0, 300, 4095)],
  ['floats just above 255', 'array rules', 'intensity_range', imgs(0, 1, 255.5)],
  ['one value', 'array rules', 'intensity_flat', imgs(7, 7, 7)],
  ['two values of integers', 'array rules', 'intensity_flat', int16(0, 1, 0)],
  ['two values of floats', 'array rules', 'intensity_flat', imgs(0, 1, 0)],
  ['a spacing of zero', 'array rules', 'spacing_invalid', spacing(npy('<f4', [3], floats(0.5, 0, 5)))],
  ['a negative spacing', 'array rules', 'spacing_invalid', spacing(npy('<f4', [3], floats(0.5, -1, 5)))],
  ['NaN as spacing', 'array rules', 'spacing_invalid', spacing(npy('<f4', [3], floats(0.5, Number.NaN, 5)))],
  [
    'an infinite spacing',
    'array rules',
    'spacing_invalid',
    spacing(npy('<f4', [3], floats(0.5, Number.POSITIVE_INFINITY, 5))),
  ],
  ['a spacing above a metre', 'array rules', 'spacing_invalid', spacing(npy('<f4', [3], floats(0.5, 1001, 5)))],
  ['a spacing of two numbers', 'array rules', 'spacing_invalid', spacing(npy('<f4', [2], floats(1, 1)))],
  ['a spacing matrix', 'array rules', 'spacing_invalid', spacing(npy('<f4', [1, 3], floats(1, 1, 1)))],
  ['objects as spacing', 'CVE-2019-6446', 'spacing_invalid', spacing(npy('|O', [3], Buffer.alloc(24)))],
  ['a spacing with too few bytes', 'npyjs 1.2.0', 'spacing_invalid', spacing(npy('<f4', [3], floats(1, 1)))],
  [
    'a spacing header that is evaluated',
    'npy format',
    'npy_header',
    spacing(npyWithHeader(good.replace('4)', '4*1)'), bytes24)),
  ],
]);
