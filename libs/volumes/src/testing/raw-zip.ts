import { crc32, deflateRawSync } from 'node:zlib';

/** One member of an archive that may lie about everything; what isn't given is truthful. */
export type RawMember = {
  readonly name: string;
  readonly content: Buffer;
  /** "Version needed to extract" of the directory entry. */
  readonly version?: number;
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly compressed?: Buffer;
  readonly compressedBytes?: number;
  readonly uncompressedBytes?: number;
  readonly extra?: Buffer;
  readonly comment?: Buffer;
  /** Offset of another header that the directory shall point to. */
  readonly headerOffset?: number;
  readonly local?: {
    readonly name?: string;
    readonly method?: number;
    readonly flags?: number;
    readonly crc?: number;
    readonly compressedBytes?: number;
    readonly uncompressedBytes?: number;
    readonly extra?: Buffer;
  };
  /** Bytes between this member's data and the next header, such as a data descriptor. */
  readonly trailer?: Buffer;
};

export type RawArchive = {
  readonly members: readonly RawMember[];
  readonly comment?: Buffer;
  readonly entryCount?: number;
  readonly directoryBytes?: number;
  readonly directoryOffset?: number;
};

/** Writes an archive, true or not. Format: PKWARE APPNOTE. */
export function rawZip(archive: RawArchive): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const member of archive.members) {
    const fields = { method: 8, flags: 0, crc: crc32(member.content), ...definedOnly(member) };
    const compressed = member.compressed ?? (fields.method === 8 ? deflateRawSync(member.content) : member.content);
    const sizes = {
      compressedBytes: member.compressedBytes ?? compressed.length,
      uncompressedBytes: member.uncompressedBytes ?? member.content.length,
    };
    const local = header({ ...fields, ...sizes, ...definedOnly(member.local ?? {}) });
    const localName = Buffer.from(member.local?.name ?? member.name, 'latin1');
    const localExtra = member.local?.extra ?? Buffer.alloc(0);
    const localBytes = Buffer.concat([
      Buffer.from('PK\x03\x04', 'latin1'),
      local,
      uint16(localName.length),
      uint16(localExtra.length),
      localName,
      localExtra,
      compressed,
      member.trailer ?? Buffer.alloc(0),
    ]);
    directory.push(centralHeader(member, header({ ...fields, ...sizes }), offset));
    parts.push(localBytes);
    offset += localBytes.length;
  }
  const central = Buffer.concat(directory);
  const comment = archive.comment ?? Buffer.alloc(0);
  const count = archive.entryCount ?? archive.members.length;
  const end = Buffer.concat([
    Buffer.from('PK\x05\x06', 'latin1'),
    uint32(0),
    uint16(count),
    uint16(count),
    uint32(archive.directoryBytes ?? central.length),
    uint32(archive.directoryOffset ?? offset),
    uint16(comment.length),
    comment,
  ]);
  return Buffer.concat([...parts, central, end]);
}

type HeaderFields = {
  readonly method: number;
  readonly flags: number;
  readonly crc: number;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
};

function definedOnly(fields: Partial<HeaderFields>): Partial<HeaderFields> {
  const { method, flags, crc, compressedBytes, uncompressedBytes } = fields;
  return {
    ...(method === undefined ? {} : { method }),
    ...(flags === undefined ? {} : { flags }),
    ...(crc === undefined ? {} : { crc }),
    ...(compressedBytes === undefined ? {} : { compressedBytes }),
    ...(uncompressedBytes === undefined ? {} : { uncompressedBytes }),
  };
}

/** "Version needed" to "uncompressed size": the fields that local and central headers share. */
function header(fields: HeaderFields): Buffer {
  const bytes = Buffer.alloc(22);
  bytes.writeUInt16LE(20, 0);
  bytes.writeUInt16LE(fields.flags, 2);
  bytes.writeUInt16LE(fields.method, 4);
  bytes.writeUInt16LE(0x21, 8);
  bytes.writeUInt32LE(fields.crc, 10);
  bytes.writeUInt32LE(fields.compressedBytes, 14);
  bytes.writeUInt32LE(fields.uncompressedBytes, 18);
  return bytes;
}

function centralHeader(member: RawMember, fields: Buffer, offset: number): Buffer {
  const name = Buffer.from(member.name, 'latin1');
  const extra = member.extra ?? Buffer.alloc(0);
  const comment = member.comment ?? Buffer.alloc(0);
  return Buffer.concat([
    Buffer.from('PK\x01\x02', 'latin1'),
    uint16(20),
    uint16(member.version ?? 20),
    fields.subarray(2),
    uint16(name.length),
    uint16(extra.length),
    uint16(comment.length),
    Buffer.alloc(8),
    uint32(member.headerOffset ?? offset),
    name,
    extra,
    comment,
  ]);
}

/** One field of an extra area. */
export function extraField(id: number, data: Buffer): Buffer {
  return Buffer.concat([uint16(id), uint16(data.length), data]);
}

export function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
