import {
  CENTRAL_HEADER_SIGNATURE,
  END_BYTES,
  END_SIGNATURE,
  LOCAL_HEADER_SIGNATURE,
  ZIP64_END_SIGNATURE,
  ZIP64_LOCATOR_SIGNATURE,
} from '../zip-format.ts';

/** A small archive taken apart, so that every field can lie by itself. Layouts: PKWARE APPNOTE 4.3. */
export type ZipModel = {
  readonly members: ZipModelMember[];
  readonly zip64: { readonly record: ZipRecord; readonly locator: ZipRecord } | undefined;
  readonly end: ZipRecord;
  /** Bytes in front of the archive, between data and directory, and behind everything. */
  prefix: Buffer;
  gap: Buffer;
  suffix: Buffer;
};

export type ZipModelMember = {
  readonly local: ZipRecord;
  readonly central: ZipRecord;
  data: Buffer;
  /** Between this member's data and the next header. */
  trailer: Buffer;
};

/** Fields by name. `pins` win over everything: also over lengths, offsets and counts that are worked out otherwise. */
export type ZipRecord = {
  readonly kind: ZipRecordKind;
  readonly fields: Map<string, bigint>;
  readonly pins: Map<string, bigint>;
  /** What follows the fields: name, extra and comment, as far as the kind has them. */
  name: Buffer;
  extra: Buffer;
  comment: Buffer;
};

const SHARED = [
  ['version', 2],
  ['flags', 2],
  ['method', 2],
  ['time', 2],
  ['date', 2],
  ['crc', 4],
  ['compressedBytes', 4],
  ['uncompressedBytes', 4],
  ['nameBytes', 2],
  ['extraBytes', 2],
] as const;

/** Name and width in bytes, in the order of the file. */
export const ZIP_LAYOUTS = {
  local: [['signature', 4], ...SHARED],
  central: [
    ['signature', 4],
    ['madeBy', 2],
    ...SHARED,
    ['commentBytes', 2],
    ['disk', 2],
    ['internalAttributes', 2],
    ['externalAttributes', 4],
    ['offset', 4],
  ],
  record: [
    ['signature', 4],
    ['recordBytes', 8],
    ['madeBy', 2],
    ['version', 2],
    ['disk', 4],
    ['directoryDisk', 4],
    ['countHere', 8],
    ['count', 8],
    ['directoryBytes', 8],
    ['directoryStart', 8],
  ],
  locator: [
    ['signature', 4],
    ['disk', 4],
    ['recordStart', 8],
    ['disks', 4],
  ],
  end: [
    ['signature', 4],
    ['disk', 2],
    ['directoryDisk', 2],
    ['countHere', 2],
    ['count', 2],
    ['directoryBytes', 4],
    ['directoryStart', 4],
    ['commentBytes', 2],
  ],
} as const satisfies Record<string, readonly (readonly [string, 2 | 4 | 8])[]>;

export type ZipRecordKind = keyof typeof ZIP_LAYOUTS;

const NOTHING = Buffer.alloc(0);

export function layoutOf(kind: ZipRecordKind): readonly (readonly [string, 2 | 4 | 8])[] {
  return ZIP_LAYOUTS[kind];
}

function readRecord(kind: ZipRecordKind, bytes: Buffer, start: number): { record: ZipRecord; end: number } {
  const fields = new Map<string, bigint>();
  let at = start;
  for (const [name, width] of layoutOf(kind)) {
    fields.set(name, width === 8 ? bytes.readBigUInt64LE(at) : BigInt(bytes.readUIntLE(at, width)));
    at += width;
  }
  const tail = (field: string) => {
    const length = Number(fields.get(field) ?? 0n);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const record = {
    kind,
    fields,
    pins: new Map(),
    name: tail('nameBytes'),
    extra: tail('extraBytes'),
    comment: NOTHING,
  };
  return { record: { ...record, comment: tail('commentBytes') }, end: at };
}

/** Takes a well-formed archive without comments or gaps apart. */
export function parseZip(bytes: Buffer): ZipModel {
  const { record: end } = readRecord('end', bytes, bytes.length - END_BYTES);
  const members: ZipModelMember[] = [];
  let at = Number(end.fields.get('directoryStart'));
  for (let left = Number(end.fields.get('count')); left > 0; left -= 1) {
    const { record: central, end: next } = readRecord('central', bytes, at);
    const { record: local, end: dataStart } = readRecord('local', bytes, Number(central.fields.get('offset')));
    const data = bytes.subarray(dataStart, dataStart + Number(central.fields.get('compressedBytes')));
    members.push({ local, central, data, trailer: NOTHING });
    at = next;
  }
  return { members, zip64: undefined, end, prefix: NOTHING, gap: NOTHING, suffix: NOTHING };
}

/** A record that says nothing untrue once it is laid out. */
export function blankRecord(kind: ZipRecordKind, fields: Readonly<Record<string, bigint>>): ZipRecord {
  const record = { kind, fields: new Map(Object.entries(fields)), pins: new Map<string, bigint>() };
  return { ...record, name: NOTHING, extra: NOTHING, comment: NOTHING };
}

function writeRecord(record: ZipRecord, derived: Readonly<Record<string, number>>): Buffer {
  const lengths = {
    nameBytes: record.name.length,
    extraBytes: record.extra.length,
    commentBytes: record.comment.length,
  };
  const known: Readonly<Record<string, number>> = { ...lengths, ...derived };
  const parts = layoutOf(record.kind).map(([name, width]) => {
    const value = record.pins.get(name) ?? (name in known ? BigInt(known[name] ?? 0) : (record.fields.get(name) ?? 0n));
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(8 * width, value));
    return bytes.subarray(0, width);
  });
  return Buffer.concat([...parts, record.name, record.extra, record.comment]);
}

const SIGNATURES: Readonly<Record<ZipRecordKind, number>> = {
  local: LOCAL_HEADER_SIGNATURE,
  central: CENTRAL_HEADER_SIGNATURE,
  record: ZIP64_END_SIGNATURE,
  locator: ZIP64_LOCATOR_SIGNATURE,
  end: END_SIGNATURE,
};

/** Puts an archive together: lengths, offsets and counts are true unless they are pinned. */
export function writeZip(model: ZipModel): Buffer {
  const parts: Buffer[] = [model.prefix];
  const entries: Buffer[] = [];
  let at = model.prefix.length;
  const add = (...buffers: readonly Buffer[]) => {
    parts.push(...buffers);
    for (const buffer of buffers) at += buffer.length;
  };
  for (const { local, central, data, trailer } of model.members) {
    entries.push(writeRecord(central, { signature: SIGNATURES.central, offset: at }));
    add(writeRecord(local, { signature: SIGNATURES.local }), data, trailer);
  }
  add(model.gap);
  const directory = Buffer.concat(entries);
  const totals = {
    directoryStart: at,
    directoryBytes: directory.length,
    count: entries.length,
    countHere: entries.length,
  };
  add(directory);
  if (model.zip64 !== undefined) {
    const recordStart = at;
    add(writeRecord(model.zip64.record, { signature: SIGNATURES.record, ...totals, recordBytes: 44 }));
    add(writeRecord(model.zip64.locator, { signature: SIGNATURES.locator, recordStart }));
  }
  add(writeRecord(model.end, { signature: SIGNATURES.end, ...totals }), model.suffix);
  return Buffer.concat(parts);
}
