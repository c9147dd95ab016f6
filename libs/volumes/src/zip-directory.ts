import type { FileHandle } from 'node:fs/promises';

import { readExactly } from './regular-file.ts';
import { VolumeError } from './volume-error.ts';
import {
  END_BYTES,
  END_SIGNATURE,
  LOCAL_HEADER_SIGNATURE,
  UINT16_MAX,
  UINT32_MAX,
  ZIP64_END_BYTES,
  ZIP64_END_SIGNATURE,
  ZIP64_LOCATOR_BYTES,
  ZIP64_LOCATOR_SIGNATURE,
} from './zip-format.ts';

/** Where the central directory lies, and how much of it there is. */
export type ZipDirectory = { readonly start: number; readonly bytes: number; readonly entryCount: number };

/** Sixteen members with zip64 extras need 2 KiB; numpy never writes comments. */
const DIRECTORY_BYTES_MAX = 64 * 1024;

/** The end record may be followed by a comment of this length at most; NPZ files have none. */
const COMMENT_BYTES_MAX = UINT16_MAX;

/**
 * Finds the central directory without any tolerance: the file begins with a member, and nothing lies between directory and
 * end records, or after them. Zip readers disagree exactly where such bytes are allowed, and a zip64 offset beyond
 * the file would make yauzl throw outside of any promise.
 */
export async function locateDirectory(handle: FileHandle, fileBytes: number): Promise<ZipDirectory> {
  if (fileBytes < END_BYTES) throw new VolumeError('not_a_zip');
  const head = await readExactly(handle, { start: 0, length: 4 });
  const signature = head.readUInt32LE(0);
  if (signature === END_SIGNATURE && fileBytes === END_BYTES) throw new VolumeError('missing_member');
  if (signature !== LOCAL_HEADER_SIGNATURE) throw new VolumeError('not_a_zip');

  const tailBytes = Math.min(fileBytes, END_BYTES + ZIP64_LOCATOR_BYTES + ZIP64_END_BYTES);
  const tail = await readExactly(handle, { start: fileBytes - tailBytes, length: tailBytes });
  const end = tail.subarray(tail.length - END_BYTES);
  if (end.readUInt32LE(0) !== END_SIGNATURE) {
    throw new VolumeError((await endRecordIsNearby(handle, fileBytes)) ? 'zip_malformed' : 'zip_truncated');
  }
  const commentBytes = end.readUInt16LE(20);
  if (commentBytes !== 0) throw new VolumeError('zip_malformed');

  const before = tail.subarray(0, tail.length - END_BYTES);
  const zip64 = readZip64End(before, fileBytes);
  if (zip64 !== undefined) checkEndAgrees(end, zip64);
  const directory = zip64 ?? readEnd(end, fileBytes);
  if (directory.bytes > DIRECTORY_BYTES_MAX) throw new VolumeError('zip_too_many_members');
  return directory;
}

function readEnd(end: Buffer, fileBytes: number): ZipDirectory {
  const directory = {
    entryCount: end.readUInt16LE(10),
    bytes: end.readUInt32LE(12),
    start: end.readUInt32LE(16),
  };
  const disksAreZero = end.readUInt32LE(4) === 0;
  const countsAgree = end.readUInt16LE(8) === directory.entryCount;
  const touchesEnd = directory.start + directory.bytes === fileBytes - END_BYTES;
  if (!disksAreZero || !countsAgree || !touchesEnd) throw new VolumeError('zip_malformed');
  return directory;
}

/** Readers differ in which of the two records they believe: each number is the same, or says "look into the other one". */
function checkEndAgrees(end: Buffer, { entryCount, bytes, start }: ZipDirectory): void {
  const agrees =
    end.readUInt32LE(4) === 0 && // both disk numbers
    [8, 10].every((at) => [entryCount, UINT16_MAX].includes(end.readUInt16LE(at))) &&
    [bytes, UINT32_MAX].includes(end.readUInt32LE(12)) &&
    [start, UINT32_MAX].includes(end.readUInt32LE(16));
  if (!agrees) throw new VolumeError('zip_malformed');
}

/** The zip64 records in front of the end record, or undefined when there are none. */
function readZip64End(before: Buffer, fileBytes: number): ZipDirectory | undefined {
  if (before.length < ZIP64_LOCATOR_BYTES) return undefined;
  const locator = before.subarray(before.length - ZIP64_LOCATOR_BYTES);
  if (locator.readUInt32LE(0) !== ZIP64_LOCATOR_SIGNATURE) return undefined;
  if (before.length < ZIP64_LOCATOR_BYTES + ZIP64_END_BYTES) throw new VolumeError('zip_malformed');

  const recordStart = fileBytes - END_BYTES - ZIP64_LOCATOR_BYTES - ZIP64_END_BYTES;
  const record = before.subarray(0, ZIP64_END_BYTES);
  const directory = {
    entryCount: Number(record.readBigUInt64LE(32)),
    bytes: Number(record.readBigUInt64LE(40)),
    start: Number(record.readBigUInt64LE(48)),
  };
  const locatorPointsHere =
    locator.readBigUInt64LE(8) === BigInt(recordStart) &&
    locator.readUInt32LE(4) === 0 &&
    locator.readUInt32LE(16) <= 1; // disks; some writers say 0
  const recordIsPlain =
    record.readUInt32LE(0) === ZIP64_END_SIGNATURE &&
    record.readBigUInt64LE(4) === BigInt(ZIP64_END_BYTES - 12) &&
    record.readBigUInt64LE(16) === 0n && // both disk numbers
    record.readBigUInt64LE(24) === record.readBigUInt64LE(32);
  const touchesRecord = directory.start + directory.bytes === recordStart;
  if (!locatorPointsHere || !recordIsPlain || !touchesRecord) throw new VolumeError('zip_malformed');
  return directory;
}

/** Only to name the fault: bytes after the end record are another mistake than a file that was cut off. */
async function endRecordIsNearby(handle: FileHandle, fileBytes: number): Promise<boolean> {
  const length = Math.min(fileBytes, END_BYTES + COMMENT_BYTES_MAX);
  const tail = await readExactly(handle, { start: fileBytes - length, length });
  const signature = Buffer.alloc(4);
  signature.writeUInt32LE(END_SIGNATURE);
  return tail.includes(signature);
}

/** A 32-bit size field that says "look into the zip64 extra". */
export function isZip64Marker(value: number): boolean {
  return value === UINT32_MAX;
}
