import { ascii, dict, dtypeOpcodes, objectScalar, unicode } from '../pickle-builder.ts';
import { uint32, uint64 } from '../raw-zip.ts';
import { casesOf, withPickle } from './hostile-case.ts';
import type { HostileRow, HostileSource } from './hostile-case.ts';

/** Pickles whose opcodes no pickler of NumPy would write, or not like this; some only cost time. */

const liver = [unicode('1'), unicode('liver')] as const;
const good = objectScalar(dict(liver));
const refused = (name: string, source: HostileSource, pickle: Buffer): HostileRow => [
  name,
  source,
  'pickle_unsupported',
  () => withPickle(pickle),
];
const asPrompt = (opcodes: Buffer) => objectScalar(dict([unicode('1'), opcodes]));
const RECONSTRUCT = 'cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R';
const SCALAR = ascii('cnumpy.core.multiarray\nscalar\n');
const scalar = (code: string, state: Parameters<typeof dtypeOpcodes>[1], bytes: Buffer) =>
  Buffer.concat([
    SCALAR,
    dtypeOpcodes(code, state),
    ascii(`C${String.fromCharCode(bytes.length)}`),
    bytes,
    ascii('\x86R'),
  ]);
const codePoints = (...points: readonly number[]) => Buffer.concat(points.map(uint32));
const text = (...points: readonly number[]) =>
  scalar(`U${points.length}`, { itemBytes: 4 * points.length, alignment: 4, flags: 8 }, codePoints(...points));

/** A whole array whose own dtype has another state. */
const arrayOf = (code: string, state: Parameters<typeof dtypeOpcodes>[1]) =>
  Buffer.concat([
    ascii(`\x80\x03${RECONSTRUCT}(K\x01)`),
    dtypeOpcodes(code, state),
    ascii('\x89]'),
    dict(liver),
    ascii('atb.'),
  ]);

export const hostileOpcodes = casesOf([
  refused('INST', 'pickle opcodes', ascii('\x80\x02(X\x02\0\0\0idios\nsystem\n.')),
  refused('OBJ', 'pickle opcodes', ascii('\x80\x02(cos\nsystem\nX\x02\0\0\0ido.')),
  refused('NEWOBJ', 'pickle opcodes', ascii('\x80\x02cnumpy\nndarray\n)\x81.')),
  refused('NEWOBJ_EX', 'pickle opcodes', ascii('\x80\x04cnumpy\nndarray\n)}\x92.')),
  refused('PERSID', 'pickle opcodes', ascii('\x80\x02Pid\n.')),
  refused('BINPERSID', 'pickle opcodes', ascii('\x80\x02X\x02\0\0\0idQ.')),
  refused('EXT1', 'pickle opcodes', ascii('\x80\x02\x82\x01.')),
  refused('EXT2', 'pickle opcodes', ascii('\x80\x02\x83\x01\x01.')),
  refused('EXT4', 'pickle opcodes', ascii('\x80\x02\x84\x01\0\0\0.')),
  refused('NEXT_BUFFER', 'pickle opcodes', ascii('\x80\x05\x97.')),
  refused('READONLY_BUFFER', 'pickle opcodes', ascii('\x80\x05N\x98.')),
  refused('BYTEARRAY8', 'pickle opcodes', Buffer.concat([ascii('\x80\x05\x96'), uint64(2n ** 62n)])),
  refused('DUP', 'pickle opcodes', asPrompt(ascii('X\x01\0\0\0a20'))),
  refused('POP', 'pickle opcodes', asPrompt(ascii('NX\x01\0\0\0a0'))),
  refused('POP_MARK', 'pickle opcodes', asPrompt(ascii('X\x01\0\0\0a(1'))),
  refused('EMPTY_SET', 'pickle opcodes', asPrompt(ascii('\x8f'))),
  refused('protocol 1', 'pickle opcodes', ascii('\x80\x01N.')),
  refused('protocol 6', 'pickle opcodes', Buffer.concat([ascii('\x80\x06'), good.subarray(2)])),
  refused('no protocol', 'pickle opcodes', good.subarray(2)),
  refused('a second protocol', 'pickle opcodes', Buffer.concat([ascii('\x80\x03'), good])),
  refused('no end', 'pickle opcodes', good.subarray(0, -1)),
  refused('nothing', 'pickle opcodes', Buffer.alloc(0)),
  refused('bytes behind the end', 'pickle opcodes', Buffer.concat([good, ascii('N.')])),
  refused(
    'a second pickle behind the end',
    'CVE-2026-14535',
    Buffer.concat([good, ascii('\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R.')]),
  ),
  refused('two values on the stack', 'pickle opcodes', Buffer.concat([ascii('\x80\x03N'), good.subarray(2)])),
  refused('POP from an empty stack', 'pickle opcodes', ascii('\x80\x030.')),
  refused('BINGET of nothing', 'pickle opcodes', ascii('\x80\x03h\x07.')),
  refused('BINPUT of nothing', 'pickle opcodes', ascii('\x80\x03q\x07.')),
  refused('TUPLE without a mark', 'pickle opcodes', ascii('\x80\x03NNt.')),
  refused('REDUCE of a string', 'pickle opcodes', ascii('\x80\x03X\x02\0\0\0os)R.')),
  refused('REDUCE without a tuple', 'pickle opcodes', ascii('\x80\x03cnumpy\ndtype\nX\x02\0\0\0O8R.')),
  refused(
    'a frame beyond the end',
    'pickle opcodes',
    Buffer.concat([ascii('\x80\x04\x95'), uint64(2n ** 40n), good.subarray(2)]),
  ),
  refused(
    'a frame that ends inside of an opcode',
    'pickle opcodes',
    Buffer.concat([ascii('\x80\x04\x95'), uint64(5n), good.subarray(2)]),
  ),
  refused(
    'a frame inside of a frame',
    'pickle opcodes',
    Buffer.concat([ascii('\x80\x04\x95'), uint64(20n), ascii('\x95'), uint64(1n), good.subarray(2)]),
  ),
  refused('a lone surrogate in UTF-8', 'pickle opcodes', asPrompt(unicode(Buffer.from('eda080', 'hex')))),
  refused('text that is not UTF-8', 'pickle opcodes', asPrompt(unicode(Buffer.from('ff', 'hex')))),
  refused('a list that holds itself', 'pickle opcodes', ascii('\x80\x03]q\0h\0a.')),
  refused('a dictionary that holds itself', 'pickle opcodes', ascii('\x80\x03}q\0X\x01\0\0\x001h\0s.')),
  refused('a label twice', 'pickle opcodes', objectScalar(dict(liver, liver))),
  refused(
    'a dictionary without its last value',
    'pickle opcodes',
    objectScalar(dict(liver, [unicode('2'), ascii('')])),
  ),
  refused('a list as key', 'pickle opcodes', objectScalar(dict([ascii(']'), unicode('a')]))),
  refused('SETITEM on a list', 'CVE-2026-24747', objectScalar(Buffer.concat([ascii(']'), ...liver, ascii('s')]))),
  refused('SETITEMS on a list', 'CVE-2026-24747', objectScalar(Buffer.concat([ascii(']('), ...liver, ascii('u')]))),
  refused('SETITEMS on a tuple', 'CVE-2026-24747', objectScalar(Buffer.concat([ascii(')('), ...liver, ascii('u')]))),
  refused(
    'SETITEMS on an array',
    'CVE-2026-24747',
    Buffer.concat([ascii(`\x80\x03${RECONSTRUCT}(`), ...liver, ascii('u.')]),
  ),
  refused('APPEND on a dictionary', 'CVE-2026-24747', objectScalar(ascii('}Na'))),
  refused('APPENDS on a string', 'CVE-2026-24747', objectScalar(Buffer.concat([unicode('a'), ascii('(Ne')]))),
  refused('BUILD on a dictionary', 'CVE-2026-24747', objectScalar(Buffer.concat([dict(liver), ascii('}b')]))),
  refused(
    'BUILD on a dictionary with a tuple',
    'CVE-2026-24747',
    objectScalar(Buffer.concat([dict(liver), ascii(')b')])),
  ),
  refused('an array that is built twice', 'pickle opcodes', Buffer.concat([good.subarray(0, -1), ascii('(K\x01tb.')])),
  refused('an array that is never built', 'pickle opcodes', ascii(`\x80\x03${RECONSTRUCT}.`)),
  refused(
    'two values in a 0-d array',
    'CVE-2026-24747',
    objectScalar(Buffer.concat([dict(liver), ascii('a'), dict(liver)])),
  ),
  refused(
    'a dictionary without an array',
    'pickle opcodes',
    Buffer.concat([ascii('\x80\x03'), dict(liver), ascii('.')]),
  ),
  refused('objects that are declared to be no references', 'CVE-2026-24747', arrayOf('O8', { flags: 0 })),
  refused('objects of another size', 'CVE-2026-24747', arrayOf('O8', { itemBytes: 1 })),
  refused('objects of another alignment', 'CVE-2026-24747', arrayOf('O8', { alignment: 16 })),
  refused('objects in another byte order', 'CVE-2026-24747', arrayOf('O8', { byteOrder: '>' })),
  refused(
    'numbers that are declared to be references',
    'CVE-2026-24747',
    asPrompt(scalar('i8', { byteOrder: '<', flags: 63 }, Buffer.alloc(8))),
  ),
  refused(
    'a scalar of another length',
    'CVE-2026-24747',
    asPrompt(scalar('i8', { byteOrder: '<', flags: 0 }, Buffer.alloc(1))),
  ),
  refused(
    'a text that is declared shorter',
    'CVE-2026-24747',
    asPrompt(scalar('U2', { byteOrder: '<', itemBytes: 4, alignment: 4, flags: 8 }, codePoints(97, 98))),
  ),
  refused(
    'a text that is declared longer',
    'CVE-2026-24747',
    asPrompt(scalar('U2', { byteOrder: '<', itemBytes: 4000, alignment: 4, flags: 8 }, codePoints(97, 98))),
  ),
  refused('a text beyond Unicode', 'pickle opcodes', asPrompt(text(0x110000))),
  refused('a pair of surrogates in a NumPy text', 'pickle opcodes', asPrompt(text(0xd83d, 0xde00))),
  refused('a dtype that is built twice', 'pickle opcodes', arrayOf('O8', { twice: true })),
]);

/** np.str_ of 1024 characters, put into a list thousands of times from the memo. */
function decodedOverAndOver(content: Buffer): Buffer {
  const dtype = dtypeOpcodes('U1024', { byteOrder: '<', itemBytes: 4096, alignment: 4, flags: 8 });
  const head = Buffer.concat([
    ascii('\x80\x03]'),
    SCALAR,
    ascii('q\0'),
    dtype,
    ascii('B'),
    uint32(content.length),
    content,
  ]);
  return Buffer.concat([head, ascii('\x86q\x01Ra'), ascii('h\0h\x01Ra'.repeat(12_000)), ascii('.')]);
}

const encodedOverAndOver = Buffer.concat([
  ascii('\x80\x03]c_codecs\nencode\nq\0'),
  unicode('a'.repeat(4096)),
  unicode('latin1'),
  ascii('\x86q\x01Ra'),
  ascii('h\0h\x01Ra'.repeat(12_000)),
  ascii('.'),
]);

export const expensivePickles = casesOf([
  [
    'three million marks',
    'pickle limits',
    'too_large',
    () => withPickle(Buffer.concat([ascii('\x80\x03'), Buffer.alloc(3_000_000, '(')])),
  ],
  [
    'LONG4 of a megabyte',
    'pickleparser 0.2.1',
    'too_large',
    () => withPickle(Buffer.concat([ascii('\x80\x02\x8b'), uint32(1_000_000), Buffer.alloc(1_000_000)])),
  ],
  refused('a string of 2^62 bytes', 'pickle limits', Buffer.concat([ascii('\x80\x04\x8d'), uint64(2n ** 62n)])),
  refused('bytes of 2^62 bytes', 'pickle limits', Buffer.concat([ascii('\x80\x04\x8e'), uint64(2n ** 62n)])),
  refused('a string of 4 GiB', 'pickle limits', Buffer.concat([ascii('\x80\x03X'), uint32(0xffffffff)])),
  refused('bytes of 4 GiB', 'pickle limits', Buffer.concat([ascii('\x80\x03B'), uint32(0xffffffff)])),
  refused('a string of 5000 bytes', 'pickle limits', asPrompt(unicode('a'.repeat(5000)))),
  refused('200 000 marks', 'pickle limits', Buffer.concat([ascii('\x80\x03'), Buffer.alloc(200_000, '(')])),
  refused('200 000 values', 'pickle limits', Buffer.concat([ascii('\x80\x03'), Buffer.alloc(200_000, 'N')])),
  refused(
    'tuples in tuples',
    'pickle limits',
    Buffer.concat([ascii('\x80\x03)'), Buffer.alloc(200_000, 0x85), ascii('.')]),
  ),
  refused('a memo bomb', 'pickle limits', Buffer.concat([ascii('\x80\x04N'), Buffer.alloc(40_000, 0x94), ascii('.')])),
  refused(
    'a sparse memo',
    'pickle limits',
    asPrompt(Buffer.concat([ascii('Nr'), uint32(0xffffffff), ascii('j'), uint32(0xfffffffe)])),
  ),
  refused(
    'a growing list',
    'pickle limits',
    Buffer.concat([ascii('\x80\x04]\x94('), ascii('h\0h\0h\0e'.repeat(20_000)), ascii('.')]),
  ),
  refused('a list that doubles', 'pickle limits', ascii(`\x80\x04]\x94Na${'h\0h\0h\0\x87a'.repeat(5000)}.`)),
  refused(
    'LONG4',
    'pickleparser 0.2.1',
    Buffer.concat([ascii('\x80\x02\x8b'), uint32(100_000), Buffer.alloc(100_000)]),
  ),
  refused('a long of nine bytes', 'pickle limits', asPrompt(ascii(`\x8a\x09${'\x01'.repeat(9)}`))),
  refused('a name of 100 KB', 'pickle limits', ascii(`\x80\x02c${'a'.repeat(100_000)}\nb\n.`)),
  refused('a number in decimal', 'pickleparser 0.2.1', ascii(`\x80\x02I${'9'.repeat(100_000)}\n.`)),
  refused(
    'padding, decoded over and over',
    'pickle limits',
    decodedOverAndOver(Buffer.concat([Buffer.alloc(4 * 1023), codePoints(97)])),
  ),
  refused(
    'a text, decoded over and over',
    'pickle limits',
    decodedOverAndOver(Buffer.concat(Array.from({ length: 1024 }, () => codePoints(97)))),
  ),
  refused('a text, encoded over and over', 'pickle limits', encodedOverAndOver),
  refused(
    'dtypes over and over',
    'pickle limits',
    ascii(`\x80\x03]${'cnumpy\ndtype\nX\x02\0\0\0O8\x89\x88\x87Ra'.repeat(7000)}.`),
  ),
]);
