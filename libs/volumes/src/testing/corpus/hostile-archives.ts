import { imgsMember, smallImgs, smallNpz, smallPrompts } from '../npz-cases.ts';
import { extraField, rawZip, uint16, uint32, uint64 } from '../raw-zip.ts';
import type { RawArchive, RawMember } from '../raw-zip.ts';
import { casesOf } from './hostile-case.ts';

/** Archives whose end records, directory or headers say what no writer of NPZ files would say. */

const END_BYTES = 22;
/** Of every plain archive made here, and where a zip64 end record would begin. */
const plainEnd = smallNpz().length - END_BYTES;

/** An input that ends in zip64 records; what isn't given is true. `plain` changes the old end record behind them. */
export function zip64Ended(
  at: {
    readonly record?: bigint;
    readonly recordBytes?: bigint;
    readonly directory?: bigint;
    readonly directoryBytes?: bigint;
    readonly count?: bigint;
    readonly countHere?: bigint;
    readonly disk?: number;
    readonly disks?: number;
  } = {},
  plain: RawArchive = { members: [imgsMember()] },
): Buffer {
  const archive = smallNpz();
  const truth = archive.subarray(plainEnd);
  const lies = rawZip(plain);
  const record = Buffer.concat([
    uint32(0x06064b50),
    uint64(at.recordBytes ?? 44n),
    uint16(45),
    uint16(45),
    uint32(at.disk ?? 0),
    uint32(0),
    uint64(at.countHere ?? at.count ?? 1n),
    uint64(at.count ?? 1n),
    uint64(at.directoryBytes ?? BigInt(truth.readUInt32LE(12))),
    uint64(at.directory ?? BigInt(truth.readUInt32LE(16))),
  ]);
  const locator = Buffer.concat([
    uint32(0x07064b50),
    uint32(0),
    uint64(at.record ?? BigInt(plainEnd)),
    uint32(at.disks ?? 1),
  ]);
  return Buffer.concat([archive.subarray(0, plainEnd), record, locator, lies.subarray(lies.length - END_BYTES)]);
}

const one = (member: Partial<RawMember>) => () => rawZip({ members: [{ ...imgsMember(), ...member }] });
const archive = (lies: Partial<RawArchive>) => () => rawZip({ members: [imgsMember()], ...lies });

/** Two whole directories, one in front of the other; which one counts depends on the end record that a reader takes. */
function twoDirectories(): Buffer {
  const hidden = rawZip({ members: [imgsMember()] });
  const directoryBytes = hidden.length - END_BYTES - hidden.readUInt32LE(hidden.length - 6);
  const directory = hidden.readUInt32LE(hidden.length - 6);
  const record = Buffer.concat([
    uint32(0x06064b50),
    uint64(44n),
    uint16(45),
    uint16(45),
    uint32(0),
    uint32(0),
    uint64(1n),
    uint64(1n),
    uint64(BigInt(directoryBytes)),
    uint64(BigInt(directory + directoryBytes)),
  ]);
  const body = hidden.subarray(0, hidden.length - END_BYTES);
  const second = hidden.subarray(directory, directory + directoryBytes);
  const locator = Buffer.concat([
    uint32(0x07064b50),
    uint32(0),
    uint64(BigInt(body.length + second.length)),
    uint32(1),
  ]);
  return Buffer.concat([body, second, record, locator, hidden.subarray(-END_BYTES)]);
}

export const hostileEnds = casesOf([
  ['nothing', 'zip format', 'not_a_zip', () => Buffer.alloc(0)],
  ['text', 'zip format', 'not_a_zip', () => Buffer.from('hello, this is not an archive at all')],
  [
    'a bare pickle',
    'CVE-2025-10155',
    'not_a_zip',
    () => Buffer.from('\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R.', 'latin1'),
  ],
  ['a bare array', 'CVE-2019-6446', 'not_a_zip', () => smallImgs],
  ['an empty archive', 'zip format', 'missing_member', () => rawZip({ members: [] })],
  ['no imgs', 'array rules', 'missing_member', () => rawZip({ members: [smallPrompts] })],
  ['an archive that was cut off', 'zip format', 'zip_truncated', () => smallNpz().subarray(0, -30)],
  ['an archive without its first bytes', 'zip format', 'not_a_zip', () => smallNpz().subarray(10)],
  ['bytes in front', 'zip matrix', 'not_a_zip', () => Buffer.concat([Buffer.from('MZ'), smallNpz()])],
  ['an archive in front', 'zip matrix', 'zip_malformed', () => Buffer.concat([smallNpz(), smallNpz()])],
  ['a byte behind', 'zip matrix', 'zip_malformed', () => Buffer.concat([smallNpz(), Buffer.from('x')])],
  ['64 KiB behind', 'zip matrix', 'zip_truncated', () => Buffer.concat([smallNpz(), Buffer.alloc(70_000)])],
  ['a comment', 'zip matrix', 'zip_malformed', archive({ comment: Buffer.from('hi') })],
  ['an end record inside of a comment', 'zip matrix', 'zip_malformed', archive({ comment: smallNpz() })],
  [
    'an end record inside of a comment that claims another',
    'zip matrix',
    'zip_malformed',
    () => Buffer.concat([rawZip({ members: [imgsMember()], comment: Buffer.alloc(0) }), smallNpz().subarray(plainEnd)]),
  ],
  [
    'a comment length without a comment',
    'zip format',
    'zip_malformed',
    () => {
      const file = Buffer.from(smallNpz());
      file.writeUInt16LE(7, file.length - 2);
      return file;
    },
  ],
  ['a directory elsewhere', 'zip format', 'zip_malformed', archive({ directoryOffset: 4 })],
  ['a directory beyond the file', 'zip format', 'zip_malformed', archive({ directoryOffset: 0xfffffff0 })],
  ['a directory of another size', 'zip format', 'zip_malformed', archive({ directoryBytes: 4 })],
  [
    'an end record on a second disk',
    'zip format',
    'zip_malformed',
    () => {
      const file = Buffer.from(smallNpz());
      file.writeUInt16LE(1, file.length - END_BYTES + 4);
      return file;
    },
  ],
  [
    'a directory on a second disk',
    'zip format',
    'zip_malformed',
    () => {
      const file = Buffer.from(smallNpz());
      file.writeUInt16LE(1, file.length - END_BYTES + 6);
      return file;
    },
  ],
  [
    'a member on a second disk',
    'zip format',
    'zip_malformed',
    () => {
      const file = Buffer.from(smallNpz());
      file.writeUInt16LE(1, file.readUInt32LE(file.length - 6) + 34);
      return file;
    },
  ],
  ['fewer entries than counted', 'zip format', 'zip_malformed', archive({ entryCount: 2 })],
  [
    'more entries than counted',
    'zip matrix',
    'zip_malformed',
    archive({ members: [imgsMember(), smallPrompts], entryCount: 1 }),
  ],
  ['zip64 markers without zip64 records', 'CVE-2025-8291', 'zip_malformed', archive({ directoryOffset: 0xffffffff })],
  ['a zip64 end record beyond the file', 'CVE-2025-8291', 'zip_malformed', () => zip64Ended({ record: 2n ** 63n })],
  ['a zip64 end record elsewhere', 'CVE-2025-8291', 'zip_malformed', () => zip64Ended({ record: 0n })],
  ['a longer zip64 end record', 'CVE-2025-8291', 'zip_malformed', () => zip64Ended({ recordBytes: 60n })],
  ['a zip64 directory beyond the file', 'CVE-2025-8291', 'zip_malformed', () => zip64Ended({ directory: 2n ** 62n })],
  ['a zip64 directory elsewhere', 'CVE-2025-8291', 'zip_malformed', () => zip64Ended({ directory: 0n })],
  ['a zip64 directory of another size', 'CVE-2025-8291', 'zip_malformed', () => zip64Ended({ directoryBytes: 4n })],
  ['a zip64 count for this disk that differs', 'CVE-2025-8291', 'zip_malformed', () => zip64Ended({ countHere: 0n })],
  [
    'a zip64 count of 2^60',
    'CVE-2025-8291',
    'zip_too_many_members',
    () => zip64Ended({ count: 2n ** 60n }, { members: [imgsMember()], entryCount: 0xffff }),
  ],
  ['a zip64 disk', 'CVE-2025-8291', 'zip_malformed', () => zip64Ended({ disk: 1 })],
  ['a zip64 archive of two disks', 'CVE-2025-8291', 'zip_malformed', () => zip64Ended({ disks: 2 })],
  [
    'an end record that counts otherwise than its zip64 record',
    'CVE-2025-8291',
    'zip_malformed',
    () => zip64Ended({}, { members: [imgsMember()], entryCount: 2 }),
  ],
  [
    'an end record that points elsewhere than its zip64 record',
    'CVE-2025-8291',
    'zip_malformed',
    () => zip64Ended({}, { members: [imgsMember()], directoryOffset: 0 }),
  ],
  [
    'an end record with another size than its zip64 record',
    'CVE-2025-8291',
    'zip_malformed',
    () => zip64Ended({}, { members: [imgsMember()], directoryBytes: 0 }),
  ],
  ['a directory for each of two kinds of reader', 'CVE-2025-8291', 'zip_malformed', twoDirectories],
]);

export const hostileEntries = casesOf([
  ['a duplicate', 'zip matrix', 'zip_duplicate_member', () => smallNpz(imgsMember())],
  ['the same entry twice', 'zip matrix', 'zip_duplicate_member', () => smallNpz({ ...imgsMember(), headerOffset: 0 })],
  [
    'a second name for one local header',
    'CVE-2024-0450',
    'zip_member_name',
    () => smallNpz({ ...smallPrompts, headerOffset: 0 }),
  ],
  ['an entry beyond the directory', 'zip format', 'zip_malformed', one({ headerOffset: plainEnd })],
  ['an entry beyond the file', 'zip format', 'zip_malformed', one({ headerOffset: 0xfffffff0 })],
  ['an entry that points between headers', 'zip format', 'zip_malformed', one({ headerOffset: 1 })],
  [
    'an entry on a zip64 offset beyond the file',
    'zip format',
    'zip_malformed',
    one({ headerOffset: 0xffffffff, extra: extraField(1, uint64(2n ** 63n)) }),
  ],
  ['an entry on a zip64 offset that is missing', 'zip format', 'zip_malformed', one({ headerOffset: 0xffffffff })],
  ['other extra fields', 'zip matrix', 'zip_malformed', one({ extra: extraField(0x5455, Buffer.alloc(5)) })],
  ['an NTFS extra field', 'CVE-2026-31988', 'zip_malformed', one({ extra: extraField(0x000a, Buffer.alloc(32)) })],
  [
    'an NTFS extra field that ends early',
    'CVE-2026-31988',
    'zip_malformed',
    one({ extra: extraField(0x000a, Buffer.concat([Buffer.alloc(4), uint16(1), uint16(24), Buffer.alloc(3)])) }),
  ],
  [
    'other local extra fields',
    'zip matrix',
    'zip_malformed',
    one({ local: { extra: extraField(0x7075, Buffer.alloc(9)) } }),
  ],
  ['a broken extra field', 'zip format', 'zip_malformed', one({ extra: Buffer.from([1, 0, 9, 0]) })],
  ['a broken local extra field', 'zip format', 'zip_malformed', one({ local: { extra: Buffer.from([1, 0, 9, 0]) } })],
  ['half an extra field', 'zip format', 'zip_malformed', one({ extra: Buffer.from([1, 0]) })],
  [
    'two zip64 extras',
    'zip matrix',
    'zip_malformed',
    one({ extra: Buffer.concat([extraField(1, uint64(1n)), extraField(1, uint64(2n))]) }),
  ],
  ['half a local extra field', 'zip format', 'zip_malformed', one({ local: { extra: Buffer.from([1, 0]) } })],
  ['a member comment', 'zip format', 'zip_malformed', one({ comment: Buffer.from('hi') })],
  ['encryption', 'zip matrix', 'zip_encrypted', one({ flags: 1 })],
  ['strong encryption', 'zip matrix', 'zip_encrypted', one({ flags: 0x41 })],
  ['masked headers', 'zip format', 'zip_encrypted', one({ flags: 0x2000 })],
  ['patched data', 'zip format', 'zip_malformed', one({ flags: 0x20 })],
  ['encryption told only locally', 'CVE-2025-1945', 'zip_malformed', one({ local: { flags: 1 } })],
  ['encryption told only centrally', 'CVE-2025-1945', 'zip_encrypted', one({ flags: 1, local: { flags: 0 } })],
  ['names in UTF-8 told only locally', 'CVE-2025-1945', 'zip_malformed', one({ local: { flags: 0x800 } })],
  [
    'a descriptor told only locally',
    'CVE-2025-1945',
    'zip_malformed',
    one({ local: { flags: 8, crc: 0, compressedBytes: 0, uncompressedBytes: 0 } }),
  ],
  ['implode', 'zip matrix', 'zip_method', one({ method: 6 })],
  ['deflate64', 'zip matrix', 'zip_method', one({ method: 9 })],
  ['bzip2', 'zip matrix', 'zip_method', one({ method: 12 })],
  ['lzma', 'zip matrix', 'zip_method', one({ method: 14 })],
  ['zstd', 'zip matrix', 'zip_method', one({ method: 93 })],
  ['another local method', 'zip matrix', 'zip_malformed', one({ local: { method: 0 } })],
  ['a version that no reader knows', 'zip matrix', 'zip_malformed', one({ version: 64 })],
]);
