import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

import { numpyArchives } from './corpus/numpy-seeds.ts';
import { imgsMember, npy, smallImgs, smallPrompts } from './npz-cases.ts';
import { npyHeaderMutant } from './npy-mutants.ts';
import { pickleMutant } from './pickle-mutants.ts';
import { below, mutate, pick } from './random.ts';
import { extraField, rawZip, uint16, uint64 } from './raw-zip.ts';
import { blankRecord, layoutOf, parseZip, writeZip } from './zip-model.ts';
import type { ZipModel, ZipModelMember, ZipRecord } from './zip-model.ts';

/** Archives that are almost what NumPy writes: one field, record or content changed, alone or with all that depends on it. */

const METHOD_DEFLATED = 8n;
const FLAG_DESCRIPTOR = 8n;
const UINT16 = 0xffffn;
const UINT32 = 0xffffffffn;

const segs = npy('|u1', [2, 3, 4], Buffer.from(Array.from({ length: 24 }, (_, index) => index % 3)));
const inputs = [
  ...numpyArchives,
  rawZip({ members: [{ ...imgsMember(), method: 0 }, smallPrompts] }),
  rawZip({ members: [imgsMember(), { name: 'boxes.npy', content: smallImgs }] }),
];
const masks = [
  rawZip({ members: [{ name: 'segs.npy', content: segs }] }),
  rawZip({ members: [{ name: 'pred_mask.npy', content: segs, method: 0 }] }),
];

type Mutation = (model: ZipModel, random: () => number) => void;

const values = [
  0n,
  1n,
  2n,
  4n,
  8n,
  20n,
  45n,
  46n,
  63n,
  64n,
  0x7fffn,
  UINT16,
  0x7fffffffn,
  UINT32,
  2n ** 53n,
  2n ** 64n - 1n,
];

function recordsOf({ members, zip64, end }: ZipModel): ZipRecord[] {
  return [...members.flatMap(({ local, central }) => [local, central]), ...Object.values(zip64 ?? {}), end];
}

/** Something that a field could say: a landmark, another field's value, or almost its own. */
function anyValue(model: ZipModel, old: bigint, random: () => number): bigint {
  const kind = random();
  if (kind < 0.4) return pick(random, values);
  if (kind < 0.7) return old + BigInt(below(random, 9) - 4);
  return pick(random, [...pick(random, recordsOf(model)).fields.values(), 0n]);
}

const pinField: Mutation = (model, random) => {
  const record = pick(random, recordsOf(model));
  const [name] = pick(random, layoutOf(record.kind));
  record.pins.set(name, anyValue(model, record.fields.get(name) ?? 0n, random));
};

/** The same lie in both headers of a member. */
const pinBoth: Mutation = (model, random) => {
  const { local, central } = pick(random, model.members);
  const [name] = pick(random, layoutOf('local'));
  const value = anyValue(model, local.fields.get(name) ?? 0n, random);
  local.pins.set(name, value);
  central.pins.set(name, value);
};

const toggleFlag: Mutation = (model, random) => {
  const { local, central } = pick(random, model.members);
  const bit = 1n << BigInt(below(random, 16));
  for (const record of random() < 0.5 ? [local, central] : [pick(random, [local, central])]) {
    record.pins.set('flags', (record.fields.get('flags') ?? 0n) ^ bit);
  }
};

const names = [
  'imgs.npy',
  'IMGS.npy',
  'text_prompts.npy',
  'spacing.npy',
  'segs.npy',
  'mask.npy',
  'imgs',
  'imgs.npy\0',
  '.npy',
];
const paths = [
  '../imgs.npy',
  '/imgs.npy',
  'a/imgs.npy',
  'imgs.npy/',
  'im\xe4gs.npy',
  'a'.repeat(70),
  'C:\\imgs.npy',
  '',
];

const rename: Mutation = (model, random) => {
  const { local, central } = pick(random, model.members);
  const name = Buffer.from(pick(random, [...names, ...paths]), 'latin1');
  if (random() < 0.8) central.name = name;
  if (random() < 0.8) local.name = name;
};

/** Sizes of a member as a zip64 extra: both, one, wrong, or cut off. */
function zip64Extra({ central }: ZipModelMember, random: () => number): Buffer {
  const sizes = ['uncompressedBytes', 'compressedBytes', 'offset'].map((name) => central.fields.get(name) ?? 0n);
  const shown = sizes.slice(0, 1 + below(random, 3)).map((size) => (random() < 0.9 ? size : size + 1n));
  const field = extraField(1, Buffer.concat(shown.map(uint64)));
  return random() < 0.1 ? field.subarray(0, -1) : field;
}

const setExtra: Mutation = (model, random) => {
  const member = pick(random, model.members);
  const others = [0x7075, 0x5455, 0x000a, 0x9901, 0x0001].map((id) => extraField(id, Buffer.alloc(below(random, 12))));
  const extra = random() < 0.6 ? zip64Extra(member, random) : pick(random, others);
  const marked = random() < 0.5 ? ['uncompressedBytes', 'compressedBytes'].slice(0, 1 + below(random, 2)) : [];
  for (const record of [member.local, member.central]) {
    if (random() < 0.3) continue;
    record.extra = random() < 0.1 ? Buffer.concat([record.extra, extra]) : extra;
    for (const name of marked) record.pins.set(name, UINT32);
  }
};

const copyMember: Mutation = ({ members }, random) => {
  const { local, central, data, trailer } = pick(random, members);
  const copy = (record: ZipRecord) => ({ ...record, fields: new Map(record.fields), pins: new Map(record.pins) });
  members.splice(below(random, members.length + 1), 0, { local: copy(local), central: copy(central), data, trailer });
};

const dropMember: Mutation = ({ members }, random) => {
  if (members.length > 1) members.splice(below(random, members.length), 1);
};

const swapMembers: Mutation = ({ members }, random) => {
  const [first] = members.splice(below(random, members.length), 1);
  if (first !== undefined) members.push(first);
};

/** Bytes where none belong. */
const addBytes: Mutation = (model, random) => {
  const bytes = pick(random, [Buffer.from('x'), Buffer.alloc(16), uint16(0x4b50), pick(random, inputs)]);
  const kind = random();
  if (kind < 0.25) model.gap = bytes;
  else if (kind < 0.35) model.prefix = bytes;
  else if (kind < 0.45) model.suffix = bytes;
  else if (kind < 0.55) model.end.comment = bytes;
  else if (kind < 0.65) pick(random, model.members).central.comment = bytes;
  else pick(random, model.members).trailer = bytes;
};

const changeData: Mutation = ({ members }, random) => {
  const member = pick(random, members);
  const { data } = member;
  member.data = pick(random, [
    mutate(data, random),
    data.subarray(0, below(random, data.length)),
    Buffer.concat([data, data]),
  ]);
};

/** Another content, packed anew, with sizes and checksum that fit it. */
function setContent(member: ZipModelMember, content: Buffer, isDeflated: boolean): void {
  member.data = isDeflated ? deflateRawSync(content) : content;
  for (const { fields } of [member.local, member.central]) {
    fields.set('method', isDeflated ? METHOD_DEFLATED : 0n);
    fields.set('crc', BigInt(crc32(content)));
    fields.set('compressedBytes', BigInt(member.data.length));
    fields.set('uncompressedBytes', BigInt(content.length));
  }
}

function contentOf({ central, data }: ZipModelMember): Buffer | undefined {
  try {
    return central.fields.get('method') === METHOD_DEFLATED ? inflateRawSync(data) : data;
  } catch {
    return undefined; // changed before
  }
}

const changeContent: Mutation = ({ members }, random) => {
  const member = pick(random, members);
  const content = contentOf(member) ?? smallImgs;
  const body = content.subarray(128);
  const kind = random();
  const changed =
    kind < 0.3
      ? mutate(content, random)
      : kind < 0.5
        ? Buffer.concat([npyHeaderMutant(random), body])
        : kind < 0.8 && member.central.name.includes('prompts')
          ? npy('|O', [], pickleMutant(random))
          : content;
  setContent(member, changed, random() < 0.5);
};

const describeLater: Mutation = ({ members }, random) => {
  const { local, central } = pick(random, members);
  for (const { fields } of [local, central]) fields.set('flags', (fields.get('flags') ?? 0n) | FLAG_DESCRIPTOR);
  for (const name of ['crc', 'compressedBytes', 'uncompressedBytes']) if (random() < 0.9) local.pins.set(name, 0n);
};

/** zip64 end records, true ones; the end record in front of them says the same, or points to them. */
function withZip64(model: ZipModel, random: () => number): ZipModel {
  const record = blankRecord('record', { madeBy: 45n, version: 45n });
  const locator = blankRecord('locator', { disks: 1n });
  for (const [name, width] of layoutOf('end').slice(3, 7)) {
    if (random() < 0.3) model.end.pins.set(name, width === 2 ? UINT16 : UINT32);
  }
  return { ...model, zip64: { record, locator } };
}

const mutations: readonly Mutation[] = [
  ...[pinField, pinField, pinField, pinBoth, toggleFlag, rename, setExtra, copyMember, dropMember, swapMembers],
  ...[addBytes, changeData, changeContent, changeContent, changeContent, describeLater],
];

export type ZipMutant = { readonly kind: 'input' | 'mask'; readonly bytes: Buffer };

/** Another mutant on each call. */
export function zipMutant(random: () => number): ZipMutant {
  const kind = random() < 0.8 ? 'input' : 'mask';
  const parsed = parseZip(pick(random, kind === 'input' ? inputs : masks));
  const model = random() < 0.25 ? withZip64(parsed, random) : parsed;
  const changes = 1 + below(random, 3);
  for (let change = 0; change < changes; change += 1) pick(random, mutations)(model, random);
  const bytes = writeZip(model);
  return { kind, bytes: random() < 0.1 ? mutate(bytes, random) : bytes };
}
