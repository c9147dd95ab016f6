import type { FileHandle } from 'node:fs/promises';
import { Readable, pipeline } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';

import { fromFdPromise, parseExtraFields } from 'yauzl';
import type { Entry, LocalFileHeader, ZipFile } from 'yauzl';

import { lendRange, openRegularFile, readExactly, readRange, systemErrorCode } from './regular-file.ts';
import { VolumeError } from './volume-error.ts';
import { isZip64Marker, locateDirectory } from './zip-directory.ts';
import type { ZipDirectory } from './zip-directory.ts';
import {
  CENTRAL_HEADER_BYTES,
  LOCAL_HEADER_BYTES,
  MEMBER_SUFFIX,
  METHOD_DEFLATED,
  METHOD_STORED,
  ZIP64_EXTRA_ID,
} from './zip-format.ts';

/** A member whose directory entry and local header agree. Its content is checked while it is read. */
export type ZipMember = {
  readonly method: typeof METHOD_STORED | typeof METHOD_DEFLATED;
  readonly crc32: number;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  readonly dataStart: number;
};

const INFLATE_CHUNK_BYTES = 256 * 1024;

/** Names that `numpy.savez(name=…)` gives to Python identifiers, as bytes: no NUL, no path, no case games. */
const MEMBER_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}\.npy$/;

const UNICODE_PATH_EXTRA_ID = 0x7075;
const EXTRA_HEAD_BYTES = 4;
/** "Disk number where file starts" within a directory entry. */
const ENTRY_DISK_OFFSET = 34;
/** 4.5 brought zip64. zipfile refuses what it does not know itself. */
const VERSION_NEEDED_MAX = 45;
const FLAG_DATA_DESCRIPTOR = 0x0008;
const FLAG_UTF8_NAMES = 0x0800;
/** Traditional encryption, strong encryption, masked headers. */
const FLAGS_ENCRYPTION = 0x2041;

/** An opened NPZ file: every member is known to lie where it says, none was read yet. */
export class ZipArchive {
  readonly bytes: number;
  /** By array name, without `.npy`. */
  readonly members: ReadonlyMap<string, ZipMember>;
  readonly #handle: FileHandle;

  constructor(handle: FileHandle, bytes: number, members: ReadonlyMap<string, ZipMember>) {
    this.#handle = handle;
    this.bytes = bytes;
    this.members = members;
  }

  /** The bytes of a member as they lie in the file. A chunk is valid only until the next one is asked for. */
  lendCompressed(member: ZipMember, signal?: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    return lendRange(this.#handle, rangeOf(member), signal);
  }

  /**
   * The content of a member. Stops as soon as it is longer than declared; when the last chunk was taken and the
   * iteration ends without an error, length and CRC-32 were right. A chunk is valid only until the next one is asked for.
   */
  async *read(member: ZipMember, signal?: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    // The inflater works on a chunk while the next one is read.
    const chunks =
      member.method === METHOD_STORED
        ? this.lendCompressed(member, signal)
        : inflate(readRange(this.#handle, rangeOf(member), signal), member.compressedBytes);
    let bytes = 0;
    let checksum = 0;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > member.uncompressedBytes) throw new VolumeError('zip_size_mismatch');
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
    if (bytes !== member.uncompressedBytes) throw new VolumeError('zip_size_mismatch');
    if (checksum !== member.crc32) throw new VolumeError('zip_crc_mismatch');
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function rangeOf(member: ZipMember): { start: number; length: number } {
  return { start: member.dataStart, length: member.compressedBytes };
}

/**
 * Opens an NPZ file and checks its structure against everything that zip readers disagree about.
 * Errors: the `file_…` and `zip_…` codes, `not_a_zip`, `too_large`. The caller closes the archive.
 */
export async function openZip(
  path: string,
  limits: { readonly fileBytesMax: number; readonly membersMax: number },
): Promise<ZipArchive> {
  const { handle, bytes } = await openRegularFile(path, limits.fileBytesMax);
  try {
    const directory = await locateDirectory(handle, bytes);
    if (directory.entryCount > limits.membersMax) throw new VolumeError('zip_too_many_members');
    return new ZipArchive(handle, bytes, await readMembers(handle, directory));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readMembers(handle: FileHandle, directory: ZipDirectory): Promise<ReadonlyMap<string, ZipMember>> {
  const zip = await yauzlCall(
    // The handle stays ours: yauzl closes its descriptor only when asked to, and it is never asked.
    fromFdPromise(handle.fd, { autoClose: false, decodeStrings: false, validateEntrySizes: false }),
  );
  const entries = await readEntries(zip);
  const entryBytes = await readExactly(handle, { start: directory.start, length: directory.bytes });
  const members = new Map<string, ZipMember>();
  const spans: Span[] = [];
  let directoryBytes = 0;
  for (const entry of entries) {
    const name = memberName(entry);
    checkEntry(entry, directory);
    checkDisk(entryBytes.subarray(directoryBytes));
    directoryBytes += CENTRAL_HEADER_BYTES + entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
    if (members.has(name)) throw new VolumeError('zip_duplicate_member');
    const local = await yauzlCall(zip.readLocalFileHeaderPromise(entry));
    checkLocalHeader(entry, local);
    members.set(name, memberOf(entry, local.fileDataStart));
    spans.push({ start: entry.relativeOffsetOfLocalHeader, end: local.fileDataStart + entry.compressedSize });
  }
  if (directoryBytes !== directory.bytes) throw new VolumeError('zip_malformed');
  checkLayout(spans, directory);
  return members;
}

async function readEntries(zip: ZipFile): Promise<Entry[]> {
  const entries: Entry[] = [];
  const iterator = zip.eachEntry();
  for (;;) {
    const step = await yauzlCall(iterator.next());
    if (step.done === true) return entries;
    entries.push(step.value);
  }
}

/** yauzl has no error codes, and its messages quote member names: only the kind of fault is kept. */
async function yauzlCall<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const isEncryption = error instanceof Error && error.message === 'strong encryption is not supported';
    throw new VolumeError(isEncryption ? 'zip_encrypted' : 'zip_malformed');
  }
}

function memberName(entry: Entry): string {
  const fileName = entry.fileNameRaw.toString('latin1');
  const renames = entry.extraFields.some((field) => field.id === UNICODE_PATH_EXTRA_ID);
  if (renames || !MEMBER_NAME.test(fileName)) throw new VolumeError('zip_member_name');
  return fileName.slice(0, -MEMBER_SUFFIX.length);
}

function checkEntry(entry: Entry, directory: ZipDirectory): void {
  if ((entry.generalPurposeBitFlag & FLAGS_ENCRYPTION) !== 0) throw new VolumeError('zip_encrypted');
  if (!methodIsKnown(entry.compressionMethod)) throw new VolumeError('zip_method');
  if ((entry.generalPurposeBitFlag & ~(FLAG_DATA_DESCRIPTOR | FLAG_UTF8_NAMES)) !== 0) {
    throw new VolumeError('zip_malformed');
  }
  if (entry.versionNeededToExtract > VERSION_NEEDED_MAX || entry.fileCommentLength !== 0) {
    throw new VolumeError('zip_malformed');
  }
  checkExtras(entry.extraFields, entry.extraFieldLength);
  if (entry.compressionMethod === METHOD_STORED && entry.compressedSize !== entry.uncompressedSize) {
    throw new VolumeError('zip_size_mismatch');
  }
  if (entry.relativeOffsetOfLocalHeader + LOCAL_HEADER_BYTES > directory.start) throw new VolumeError('zip_malformed');
  if (entry.compressedSize > directory.start) throw new VolumeError('zip_size_mismatch');
}

/** The only field that yauzl does not tell: the disk on which a member begins. */
function checkDisk(entryBytes: Buffer): void {
  if (entryBytes.length < CENTRAL_HEADER_BYTES || entryBytes.readUInt16LE(ENTRY_DISK_OFFSET) !== 0) {
    throw new VolumeError('zip_malformed');
  }
}

function methodIsKnown(method: number): method is ZipMember['method'] {
  return method === METHOD_STORED || method === METHOD_DEFLATED;
}

/** What a reader that trusts local headers would see must be the same file. */
function checkLocalHeader(entry: Entry, local: LocalFileHeader): void {
  if (!local.fileName.equals(entry.fileNameRaw)) throw new VolumeError('zip_member_name');
  if (local.generalPurposeBitFlag !== entry.generalPurposeBitFlag) throw new VolumeError('zip_malformed');
  if (local.compressionMethod !== entry.compressionMethod) throw new VolumeError('zip_malformed');

  const sizes = localSizes(local);
  const sizesFollow = (entry.generalPurposeBitFlag & FLAG_DATA_DESCRIPTOR) !== 0;
  const agrees = (found: number, expected: number) => found === expected || (sizesFollow && found === 0);
  if (!agrees(sizes.compressed, entry.compressedSize) || !agrees(sizes.uncompressed, entry.uncompressedSize)) {
    throw new VolumeError('zip_size_mismatch');
  }
  if (!agrees(local.crc32, entry.crc32)) throw new VolumeError('zip_crc_mismatch');
}

/** Sizes of a local header. Its zip64 extra holds both, uncompressed first, whenever it is used (APPNOTE 4.5.3). */
function localSizes(local: LocalFileHeader): { compressed: number; uncompressed: number } {
  const fields = parseExtras(local.extraField);
  checkExtras(fields, local.extraField.length);
  const zip64 = fields[0]?.data;
  let cursor = 0;
  const resolve = (value: number): number => {
    if (!isZip64Marker(value)) return value;
    if (zip64 === undefined || zip64.length < cursor + 8) throw new VolumeError('zip_malformed');
    cursor += 8;
    return Number(zip64.readBigUInt64LE(cursor - 8));
  };
  const uncompressed = resolve(local.uncompressedSize);
  return { uncompressed, compressed: resolve(local.compressedSize) };
}

/** At most one zip64 extra: of several, readers take different ones. Nothing may be left over. */
function checkExtras(fields: ReturnType<typeof parseExtraFields>, bytes: number): void {
  const [only] = fields;
  const expectedBytes = only === undefined ? 0 : EXTRA_HEAD_BYTES + only.data.length;
  const isExpected = fields.length <= 1 && (only === undefined || only.id === ZIP64_EXTRA_ID);
  if (!isExpected || bytes !== expectedBytes) throw new VolumeError('zip_malformed');
}

function parseExtras(extra: Buffer): ReturnType<typeof parseExtraFields> {
  try {
    return parseExtraFields(extra);
  } catch {
    throw new VolumeError('zip_malformed');
  }
}

function memberOf(entry: Entry, dataStart: number): ZipMember {
  if (!methodIsKnown(entry.compressionMethod)) throw new VolumeError('zip_method');
  return {
    method: entry.compressionMethod,
    crc32: entry.crc32,
    compressedBytes: entry.compressedSize,
    uncompressedBytes: entry.uncompressedSize,
    dataStart,
  };
}

/** Local header and data of one member. */
type Span = { readonly start: number; readonly end: number };

/** No two members share bytes, and none reaches into the directory. */
function checkLayout(spans: readonly Span[], directory: ZipDirectory): void {
  const sorted = spans.toSorted((a, b) => a.start - b.start);
  sorted.forEach((span, index) => {
    const limit = sorted[index + 1]?.start ?? directory.start;
    if (span.end > limit) throw new VolumeError('zip_overlap');
  });
}

async function* inflate(
  compressed: AsyncIterable<Buffer>,
  compressedBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  const inflater = createInflateRaw({ chunkSize: INFLATE_CHUNK_BYTES });
  // The callback only keeps the pipeline from throwing: errors arrive through the iteration below.
  pipeline(Readable.from(compressed, { highWaterMark: 1 }), inflater, () => undefined);
  try {
    for await (const chunk of inflater) yield chunk;
  } catch (error) {
    throw systemErrorCode(error)?.startsWith('Z_') === true ? new VolumeError('zip_malformed') : error;
  } finally {
    inflater.destroy();
  }
  // zlib ignores what follows the last block; nothing may hide there.
  if (inflater.bytesWritten !== compressedBytes) throw new VolumeError('zip_size_mismatch');
}
