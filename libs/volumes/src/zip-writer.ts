import type { FileHandle } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { Readable, pipeline } from 'node:stream';
import { crc32, createDeflateRaw, deflateRawSync } from 'node:zlib';

import { writeFully } from './regular-file.ts';
import {
  CENTRAL_HEADER_BYTES,
  CENTRAL_HEADER_SIGNATURE,
  END_BYTES,
  END_SIGNATURE,
  LOCAL_HEADER_BYTES,
  LOCAL_HEADER_SIGNATURE,
  MEMBER_SUFFIX,
  METHOD_DEFLATED,
  UINT16_MAX,
  UINT32_MAX,
  ZIP64_END_BYTES,
  ZIP64_END_SIGNATURE,
  ZIP64_EXTRA_ID,
  ZIP64_LOCATOR_BYTES,
  ZIP64_LOCATOR_SIGNATURE,
} from './zip-format.ts';
import type { ZipMember } from './zip-reader.ts';

type WrittenMember = Omit<ZipMember, 'dataStart'> & {
  readonly name: Buffer;
  readonly headerStart: number;
  readonly isZip64: boolean;
};

/** Below 4 GiB by more than deflate can add to data that does not compress. */
const ZIP64_FROM_BYTES = 0xf0000000;
const VERSION_PLAIN = 20;
const VERSION_ZIP64 = 45;
/** 1980-01-01 00:00, the first moment that DOS knows: equal content gives equal bytes. */
const DOS_DATE = 0x0021;
const DOS_TIME = 0;
const DEFLATE_CHUNK_BYTES = 256 * 1024;

/** Writes an NPZ file front to back. Equal calls give equal bytes. */
export class ZipWriter {
  readonly #handle: FileHandle;
  readonly #zip64FromBytes: number;
  readonly #members: WrittenMember[] = [];
  /** Of everything up to `#position`, as long as nothing was written out of order. */
  readonly #hash = createHash('sha256');
  #isInOrder = true;
  #position = 0;

  constructor(handle: FileHandle, options: { readonly zip64FromBytes: number } = { zip64FromBytes: ZIP64_FROM_BYTES }) {
    this.#handle = handle;
    this.#zip64FromBytes = options.zip64FromBytes;
  }

  /** Compresses a large `content`, which must have exactly `uncompressedBytes`; its header is written behind it. */
  async addDeflated(
    name: string,
    content: Iterable<Buffer> | AsyncIterable<Buffer>,
    options: { readonly uncompressedBytes: number; readonly level: number },
  ): Promise<void> {
    let checksum = 0;
    let uncompressedBytes = 0;
    const counted = async function* () {
      for await (const chunk of content) {
        checksum = crc32(chunk, checksum);
        uncompressedBytes += chunk.length;
        yield chunk;
      }
    };
    const deflater = createDeflateRaw({ level: options.level, chunkSize: DEFLATE_CHUNK_BYTES });
    // Errors of the source arrive through the iteration of the deflater.
    pipeline(Readable.from(counted(), { highWaterMark: 1 }), deflater, () => undefined);
    const start = this.#begin(name, options.uncompressedBytes);
    this.#position += localHeaderBytes(start);
    this.#isInOrder = false;
    const compressedBytes = await this.#writeAll(deflater);
    if (uncompressedBytes !== options.uncompressedBytes)
      throw new RangeError('a member has another length than declared');
    const sizes = { compressedBytes, uncompressedBytes };
    const member: WrittenMember = { ...start, ...sizes, method: METHOD_DEFLATED, crc32: checksum };
    await writeFully(this.#handle, localHeader(member), member.headerStart);
    this.#members.push(member);
  }

  /** Compresses what is in memory anyway. */
  async addSmall(name: string, content: Buffer, level: number): Promise<void> {
    const compressed = deflateRawSync(content, { level });
    const [compressedBytes, uncompressedBytes] = [compressed.length, content.length];
    const member = { method: METHOD_DEFLATED, crc32: crc32(content), compressedBytes, uncompressedBytes } as const;
    await this.addCompressed(name, [compressed], member);
  }

  /** Takes over bytes that are compressed already; the caller has checked that `content` describes them. */
  async addCompressed(
    name: string,
    chunks: Iterable<Buffer> | AsyncIterable<Buffer>,
    content: Omit<ZipMember, 'dataStart'>,
  ): Promise<void> {
    const { method, crc32: checksum, compressedBytes, uncompressedBytes } = content;
    const start = this.#begin(name, uncompressedBytes);
    const member = { ...start, method, crc32: checksum, compressedBytes, uncompressedBytes };
    await this.#write(localHeader(member));
    if ((await this.#writeAll(chunks)) !== compressedBytes) {
      throw new RangeError('a member has another length than declared');
    }
    this.#members.push(member);
  }

  /**
   * Writes the central directory. Resolves with the size of the file, and its SHA-256 (hex) unless a header had to wait for
   * what it describes.
   */
  async finish(): Promise<{ bytes: number; sha256: string | null }> {
    const directory = Buffer.concat(this.#members.map(centralHeader));
    const needsZip64 = this.#members.some((member) => member.isZip64);
    const end = endRecords({
      start: this.#position,
      bytes: directory.length,
      entryCount: this.#members.length,
      needsZip64,
    });
    await this.#write(directory);
    await this.#write(end);
    return { bytes: this.#position, sha256: this.#isInOrder ? this.#hash.digest('hex') : null };
  }

  #begin(name: string, uncompressedBytes: number): Pick<WrittenMember, 'name' | 'headerStart' | 'isZip64'> {
    const headerStart = this.#position;
    const isZip64 = uncompressedBytes >= this.#zip64FromBytes || headerStart >= this.#zip64FromBytes;
    return { name: Buffer.from(name + MEMBER_SUFFIX, 'latin1'), headerStart, isZip64 };
  }

  async #writeAll(chunks: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<number> {
    const start = this.#position;
    for await (const chunk of chunks) await this.#write(chunk);
    return this.#position - start;
  }

  async #write(bytes: Buffer): Promise<void> {
    const written = writeFully(this.#handle, bytes, this.#position);
    if (this.#isInOrder) this.#hash.update(bytes); // while another thread writes
    await written;
    this.#position += bytes.length;
  }
}

function localHeaderBytes(member: Pick<WrittenMember, 'name' | 'isZip64'>): number {
  return LOCAL_HEADER_BYTES + member.name.length + (member.isZip64 ? 20 : 0);
}

function localHeader(member: WrittenMember): Buffer {
  const header = Buffer.alloc(LOCAL_HEADER_BYTES);
  header.writeUInt32LE(LOCAL_HEADER_SIGNATURE, 0);
  writeCommonFields(header.subarray(4), member);
  const extra = member.isZip64 ? zip64Extra([member.uncompressedBytes, member.compressedBytes]) : Buffer.alloc(0);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, member.name, extra]);
}

function centralHeader(member: WrittenMember): Buffer {
  const header = Buffer.alloc(CENTRAL_HEADER_BYTES);
  header.writeUInt32LE(CENTRAL_HEADER_SIGNATURE, 0);
  header.writeUInt16LE(member.isZip64 ? VERSION_ZIP64 : VERSION_PLAIN, 4);
  writeCommonFields(header.subarray(6), member);
  const extra = member.isZip64
    ? zip64Extra([member.uncompressedBytes, member.compressedBytes, member.headerStart])
    : Buffer.alloc(0);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(member.isZip64 ? UINT32_MAX : member.headerStart, 42);
  return Buffer.concat([header, member.name, extra]);
}

/** The 24 bytes that local and central headers have in common, from "version needed" to "name length". */
function writeCommonFields(fields: Buffer, member: WrittenMember): void {
  fields.writeUInt16LE(member.isZip64 ? VERSION_ZIP64 : VERSION_PLAIN, 0);
  fields.writeUInt16LE(0, 2);
  fields.writeUInt16LE(member.method, 4);
  fields.writeUInt16LE(DOS_TIME, 6);
  fields.writeUInt16LE(DOS_DATE, 8);
  fields.writeUInt32LE(member.crc32, 10);
  fields.writeUInt32LE(member.isZip64 ? UINT32_MAX : member.compressedBytes, 14);
  fields.writeUInt32LE(member.isZip64 ? UINT32_MAX : member.uncompressedBytes, 18);
  fields.writeUInt16LE(member.name.length, 22);
}

function zip64Extra(values: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(ZIP64_EXTRA_ID, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, index) => extra.writeBigUInt64LE(BigInt(value), 4 + 8 * index));
  return extra;
}

function endRecords(directory: { start: number; bytes: number; entryCount: number; needsZip64: boolean }): Buffer {
  const { start, bytes, entryCount, needsZip64 } = directory;
  const isZip64 = needsZip64 || start >= UINT32_MAX;
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END_SIGNATURE, 0);
  end.writeUInt16LE(isZip64 ? UINT16_MAX : entryCount, 8);
  end.writeUInt16LE(isZip64 ? UINT16_MAX : entryCount, 10);
  end.writeUInt32LE(isZip64 ? UINT32_MAX : bytes, 12);
  end.writeUInt32LE(isZip64 ? UINT32_MAX : start, 16);
  if (!isZip64) return end;

  const record = Buffer.alloc(ZIP64_END_BYTES);
  record.writeUInt32LE(ZIP64_END_SIGNATURE, 0);
  record.writeBigUInt64LE(BigInt(ZIP64_END_BYTES - 12), 4);
  record.writeUInt16LE(VERSION_ZIP64, 12);
  record.writeUInt16LE(VERSION_ZIP64, 14);
  record.writeBigUInt64LE(BigInt(entryCount), 24);
  record.writeBigUInt64LE(BigInt(entryCount), 32);
  record.writeBigUInt64LE(BigInt(bytes), 40);
  record.writeBigUInt64LE(BigInt(start), 48);
  const locator = Buffer.alloc(ZIP64_LOCATOR_BYTES);
  locator.writeUInt32LE(ZIP64_LOCATOR_SIGNATURE, 0);
  locator.writeBigUInt64LE(BigInt(start + bytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator, end]);
}
