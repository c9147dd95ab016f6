import { buildObject, reduceCall } from './pickle-numpy.ts';
import { globalNamed } from './pickle-value.ts';
import type { PickleValue } from './pickle-value.ts';
import { VolumeError } from './volume-error.ts';

/**
 * Interprets the pickles that NumPy writes for a 0-d object array, protocols 2 to 5.
 * Nothing is imported or called: each opcode is on a list, each checks the types that it touches, and the only
 * "calls" are the ones in pickle-numpy.ts. Opcodes: CPython Lib/pickletools.py.
 */
const PICKLE_BYTES_MAX = 256 * 1024;
/** Sixty-four prompts, all of them NumPy texts, need some four thousand. */
const OPCODES_MAX = 16_000;
const STACK_MAX = 4096;
const MEMO_MAX = 20_000;
const STRING_BYTES_MAX = 4096;
const LONG_BYTES_MAX = 8;
const PROTOCOL_MIN = 2;
const PROTOCOL_MAX = 5;

const MARK = Symbol('mark');
const OPCODE_PROTO = 0x80;
const OPCODE_STOP = 0x2e;

function refuse(): never {
  throw new VolumeError('pickle_unsupported');
}

/** State of one run: the stack machine of pickle with a limit on everything that can grow. */
class PickleMachine {
  readonly stack: (PickleValue | typeof MARK)[] = [];
  readonly memo = new Map<number, PickleValue>();
  frameEnd = 0;
  position = 0;
  #decodedLength = 0;
  readonly #bytes: Buffer;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(length: number): Buffer {
    const end = this.position + length;
    if (end > this.#bytes.length) refuse();
    const taken = this.#bytes.subarray(this.position, end);
    this.position = end;
    return taken;
  }

  byte(): number {
    return this.take(1).readUInt8(0);
  }

  /** Up to the next line feed, as ASCII. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position);
    if (end < 0 || end - this.position > STRING_BYTES_MAX) refuse();
    const text = this.take(end - this.position).toString('latin1');
    this.position += 1;
    return text;
  }

  string(byteLength: number): Buffer {
    if (byteLength > STRING_BYTES_MAX) refuse();
    return this.take(byteLength);
  }

  text(byteLength: number): string {
    const bytes = this.string(byteLength);
    try {
      return this.#utf8.decode(bytes);
    } catch {
      return refuse();
    }
  }

  push(value: PickleValue | typeof MARK): void {
    if (this.stack.length >= STACK_MAX) refuse();
    this.stack.push(value);
  }

  pop(): PickleValue {
    const value = this.stack.pop();
    return value === undefined || value === MARK ? refuse() : value;
  }

  top(): PickleValue {
    const value = this.stack.at(-1);
    return value === undefined || value === MARK ? refuse() : value;
  }

  /** Everything above the last mark, which goes too. */
  popToMark(): PickleValue[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) refuse();
    const items = this.stack.splice(mark).slice(1);
    // Only values lie above the last mark; the types cannot know.
    return items as PickleValue[];
  }

  remember(key: number): void {
    if (this.memo.size >= MEMO_MAX) refuse();
    this.memo.set(key, this.top());
  }

  recall(key: number): void {
    const value = this.memo.get(key);
    this.push(value === undefined ? refuse() : value);
  }

  /** Texts and bytes that calls convert. NumPy writes each of them once, so all of them fit into the pickle. */
  countDecoded(args: PickleValue): void {
    if (args === null || typeof args !== 'object' || !('kind' in args) || args.kind !== 'tuple') refuse();
    for (const item of args.items) {
      if (typeof item === 'string' || Buffer.isBuffer(item)) this.#decodedLength += item.length;
    }
    if (this.#decodedLength > this.#bytes.length) refuse();
  }

  get remaining(): number {
    return this.#bytes.length - this.position;
  }
}

function pushTuple(machine: PickleMachine, length: number): void {
  const items: PickleValue[] = [];
  for (let index = 0; index < length; index += 1) items.unshift(machine.pop());
  machine.push({ kind: 'tuple', items });
}

function setItems(machine: PickleMachine, flat: readonly PickleValue[]): void {
  const target = machine.top();
  if (!(target instanceof Map) || flat.length % 2 !== 0) return refuse();
  for (let index = 0; index < flat.length; index += 2) {
    const key = flat[index];
    const value = flat[index + 1];
    if (value === undefined || (typeof key !== 'string' && typeof key !== 'bigint')) return refuse();
    if (target.has(key)) return refuse();
    target.set(key, value);
  }
}

function append(machine: PickleMachine, items: readonly PickleValue[]): void {
  const target = machine.top();
  if (target === null || typeof target !== 'object' || !('kind' in target) || target.kind !== 'list') return refuse();
  target.items.push(...items);
}

function longBytes(length: number): number {
  return length > LONG_BYTES_MAX ? refuse() : length;
}

function longFrom(bytes: Buffer): bigint {
  let value = 0n;
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

function beginFrame(machine: PickleMachine): void {
  const length = machine.take(8).readBigUInt64LE(0);
  // A frame may not begin inside of another one, and not reach beyond the end.
  if (machine.position <= machine.frameEnd || length > BigInt(machine.remaining)) refuse();
  machine.frameEnd = machine.position + Number(length);
}

type Operation = (machine: PickleMachine) => void;

const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  // Values
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4b, (m) => m.push(BigInt(m.byte()))], // BININT1
  [0x4d, (m) => m.push(BigInt(m.take(2).readUInt16LE(0)))], // BININT2
  [0x4a, (m) => m.push(BigInt(m.take(4).readInt32LE(0)))], // BININT
  [0x8a, (m) => m.push(longFrom(m.take(longBytes(m.byte()))))], // LONG1
  [0x47, (m) => m.push(m.take(8).readDoubleBE(0))], // BINFLOAT
  [0x8c, (m) => m.push(m.text(m.byte()))], // SHORT_BINUNICODE
  [0x58, (m) => m.push(m.text(m.take(4).readUInt32LE(0)))], // BINUNICODE
  [0x43, (m) => m.push(m.string(m.byte()))], // SHORT_BINBYTES
  [0x42, (m) => m.push(m.string(m.take(4).readUInt32LE(0)))], // BINBYTES
  // Containers
  [0x28, (m) => m.push(MARK)], // MARK
  [0x29, (m) => m.push({ kind: 'tuple', items: [] })], // EMPTY_TUPLE
  [0x85, (m) => pushTuple(m, 1)], // TUPLE1
  [0x86, (m) => pushTuple(m, 2)], // TUPLE2
  [0x87, (m) => pushTuple(m, 3)], // TUPLE3
  [0x74, (m) => m.push({ kind: 'tuple', items: m.popToMark() })], // TUPLE
  [0x5d, (m) => m.push({ kind: 'list', items: [] })], // EMPTY_LIST
  [0x61, (m) => append(m, [m.pop()])], // APPEND
  [0x65, (m) => append(m, m.popToMark())], // APPENDS
  [0x7d, (m) => m.push(new Map())], // EMPTY_DICT
  [0x73, (m) => setItems(m, [m.pop(), m.pop()].toReversed())], // SETITEM
  [0x75, (m) => setItems(m, m.popToMark())], // SETITEMS
  // Memo
  [0x71, (m) => m.remember(m.byte())], // BINPUT
  [0x72, (m) => m.remember(m.take(4).readUInt32LE(0))], // LONG_BINPUT
  [0x94, (m) => m.remember(m.memo.size)], // MEMOIZE
  [0x68, (m) => m.recall(m.byte())], // BINGET
  [0x6a, (m) => m.recall(m.take(4).readUInt32LE(0))], // LONG_BINGET
  // Names and calls
  [0x63, (m) => m.push(globalNamed(m.line(), m.line()))], // GLOBAL
  [0x93, (m) => pushStackGlobal(m)], // STACK_GLOBAL
  [0x52, (m) => pushReduced(m)], // REDUCE
  [0x62, (m) => buildTop(m)], // BUILD
  [0x95, beginFrame], // FRAME
]);

function pushStackGlobal(machine: PickleMachine): void {
  const name = machine.pop();
  const module = machine.pop();
  machine.push(globalNamed(module, name));
}

function pushReduced(machine: PickleMachine): void {
  const args = machine.pop();
  const callee = machine.pop();
  machine.countDecoded(args);
  machine.push(reduceCall(callee, args));
}

function buildTop(machine: PickleMachine): void {
  const state = machine.pop();
  buildObject(machine.top(), state);
}

/**
 * The object inside of a pickled 0-d object array. Throws `pickle_unsupported` for every other pickle.
 * Dictionaries are `Map`s, integers are `bigint`s.
 */
export function readObjectScalar(pickle: Buffer): PickleValue {
  if (pickle.length > PICKLE_BYTES_MAX) refuse();
  const machine = new PickleMachine(pickle);
  if (machine.byte() !== OPCODE_PROTO) refuse();
  const protocol = machine.byte();
  if (protocol < PROTOCOL_MIN || protocol > PROTOCOL_MAX) refuse();

  for (let count = 0; count < OPCODES_MAX; count += 1) {
    const start = machine.position;
    const opcode = machine.byte();
    if (opcode === OPCODE_STOP) return finish(machine);
    const operation = OPERATIONS.get(opcode);
    if (operation === undefined) return refuse();
    operation(machine);
    const isInFrame = start < machine.frameEnd && opcode !== 0x95;
    if (isInFrame && machine.position > machine.frameEnd) refuse();
  }
  return refuse();
}

function finish(machine: PickleMachine): PickleValue {
  const result = machine.pop();
  if (machine.stack.length > 0 || machine.remaining > 0 || machine.position < machine.frameEnd) return refuse();
  if (result === null || typeof result !== 'object' || !('kind' in result) || result.kind !== 'ndarray') {
    return refuse();
  }
  return result.payload === undefined ? refuse() : result.payload;
}
