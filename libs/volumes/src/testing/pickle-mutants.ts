import { pickledPrompts } from '../pickle-writer.ts';
import { numpyPickles } from './corpus/numpy-seeds.ts';
import { below, mutate, pick, shuffleParts } from './random.ts';
import { uint32, uint64 } from './raw-zip.ts';

/** Pickles that are almost what NumPy writes: opcodes removed, repeated, swapped, with other arguments, then bytes. */

/** Bytes of a fixed argument. Opcodes: CPython Lib/pickletools.py. */
const FIXED: ReadonlyMap<number, number> = new Map(
  Object.entries({ '\x80': 1, K: 1, M: 2, J: 4, G: 8, q: 1, r: 4, h: 1, j: 4, '\x95': 8 }).map(([opcode, bytes]) => [
    opcode.charCodeAt(0),
    bytes,
  ]),
);
/** Bytes of the length in front of the argument. */
const COUNTED: ReadonlyMap<number, 1 | 4> = new Map([
  [0x8c, 1], // SHORT_BINUNICODE
  [0x58, 4], // BINUNICODE
  [0x43, 1], // SHORT_BINBYTES
  [0x42, 4], // BINBYTES
  [0x8a, 1], // LONG1
]);
const GLOBAL = 0x63;
const FRAME = 0x95;
const SHORT_BINBYTES = 0x43;
const LINE_FEED = 0x0a;

/** Opcodes with their arguments. */
function opcodesOf(pickle: Buffer): Buffer[] {
  const opcodes: Buffer[] = [];
  for (let start = 0, end = 0; start < pickle.length; start = end) {
    end = start + 1 + argumentBytes(pickle, start);
    opcodes.push(pickle.subarray(start, end));
  }
  return opcodes;
}

function argumentBytes(pickle: Buffer, start: number): number {
  const opcode = pickle.readUInt8(start);
  const counted = COUNTED.get(opcode);
  if (counted !== undefined) return counted + pickle.readUIntLE(start + 1, counted);
  if (opcode === GLOBAL) return pickle.indexOf(LINE_FEED, pickle.indexOf(LINE_FEED, start) + 1) - start;
  return FIXED.get(opcode) ?? 0;
}

const seeds = [
  ...numpyPickles,
  pickledPrompts({
    labels: [
      { id: 1, prompt: 'liver' },
      { id: 2, prompt: 'Milz, groß' },
    ],
    instanceLabel: 1,
  }),
].map(opcodesOf);

const strangers = ['0', '1', '(', ')', 'N', 't', '\x85', '\x86', '\x87', ']', '}', 's', 'u', 'a', 'e', 'b', 'R', 'd'];
const known = [...seeds.flat(), ...strangers.map((opcode) => Buffer.from(opcode, 'latin1'))];
const texts = [
  ...['1', '2', '255', '256', '01', '+1', '', ' ', 'liver', 'ä', '😀', 'instance_label', '[SEP]', '__proto__', 'a\0'],
  ...[
    'O4',
    'O8',
    'U0',
    'U1',
    'U2',
    'U01',
    'i1',
    'u1',
    'i8',
    'u8',
    'V8',
    'S1',
    'f8',
    'b1',
    '<',
    '>',
    '|',
    '=',
    'latin1',
  ],
  ...[
    'numpy',
    'ndarray',
    'dtype',
    '_reconstruct',
    'scalar',
    'encode',
    '_codecs',
    'numpy._core.multiarray',
    'eval',
    'os',
  ],
];
const codePoints = [
  0, 0x20, 0x5b, 0x7f, 0x85, 0xa0, 0xd83d, 0xde00, 0xfeff, 0xffff, 0x1f600, 0x10ffff, 0x110000, 0xffffffff,
];
const numbers = [0, 1, 2, 3, 4, 7, 8, 16, 24, 63, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff];

/** Another mutant on each call. */
export function pickleMutant(random: () => number): Buffer {
  const opcodes = [...pick(random, seeds)];
  const changes = 1 + below(random, 3);
  for (let change = 0; change < changes; change += 1) shuffleParts(opcodes, random, (old) => invent(old, random));
  if (random() < 0.8) settleFrame(opcodes);
  const mutant = Buffer.concat(opcodes);
  return random() < 0.25 ? mutate(mutant, random) : mutant;
}

function invent(old: Buffer | undefined, random: () => number): Buffer {
  if (old === undefined || old.length < 2 || random() < 0.3) return pick(random, known);
  const opcode = old.readUInt8(0);
  const counted = COUNTED.get(opcode);
  if (counted === undefined) return withNumber(old, pick(random, numbers));
  if (opcode === SHORT_BINBYTES && old.length > 5 && random() < 0.7) return withCodePoints(old, random);
  const text = Buffer.from(pick(random, texts));
  const length = counted === 1 ? Buffer.from([text.length]) : uint32(text.length);
  return Buffer.concat([old.subarray(0, 1), length, text]);
}

function withNumber(old: Buffer, number: number): Buffer {
  const changed = Buffer.from(old);
  const argument = changed.subarray(1);
  uint32(number).copy(argument);
  return changed;
}

/** UCS-4 letters of a NumPy text; two in a row, since some mean something only as pairs. */
function withCodePoints(old: Buffer, random: () => number): Buffer {
  const changed = Buffer.from(old);
  const letters = Math.floor((changed.length - 2) / 4);
  const first = below(random, letters);
  for (let letter = first; letter < Math.min(letters, first + 1 + below(random, 2)); letter += 1) {
    changed.writeUInt32LE(pick(random, codePoints), 2 + 4 * letter);
  }
  return changed;
}

/** Lets the only frame reach to the end again. */
function settleFrame(opcodes: Buffer[]): void {
  const at = opcodes.findIndex((opcode) => opcode.readUInt8(0) === FRAME);
  if (at < 0) return;
  const rest = opcodes.slice(at + 1).reduce((bytes, opcode) => bytes + opcode.length, 0);
  opcodes[at] = Buffer.concat([Buffer.from([FRAME]), uint64(BigInt(rest))]);
}
