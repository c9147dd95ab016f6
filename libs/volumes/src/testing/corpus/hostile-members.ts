import { constants, crc32, deflateRawSync } from 'node:zlib';

import { imgsMember, npy, smallImgs, smallNpz, smallPrompts, testShape } from '../npz-cases.ts';
import { extraField, rawZip, uint64 } from '../raw-zip.ts';
import type { RawMember } from '../raw-zip.ts';
import { casesOf } from './hostile-case.ts';

/** Members with names that end elsewhere, and members that are not as long as they say. */

const compressed = deflateRawSync(smallImgs);
const MIB = 1024 * 1024;
const zeros = Buffer.alloc(MIB);

const one = (member: Partial<RawMember>) => () => rawZip({ members: [{ ...imgsMember(), ...member }] });
const named = (name: string) => one({ name });

/** Deflated zeros, a thousand times as long as they weigh; made without deflating all of them. */
function deflatedZeros(mebibytes: number): Buffer {
  const part = deflateRawSync(zeros, { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([...Array.from({ length: mebibytes }, () => part), Buffer.from([3, 0])]);
}

/** The second header lies inside of the first one's stored data. */
function overlapping(): Buffer {
  const inner = rawZip({ members: [{ name: 'imgs.npy', content: smallImgs }] });
  const stored = Buffer.concat([inner.subarray(0, 38 + compressed.length), Buffer.alloc(4)]);
  const outer: RawMember = { name: 'a.npy', content: stored, method: 0 };
  return rawZip({ members: [outer, { ...imgsMember(), headerOffset: 30 + 'a.npy'.length }] });
}

/** Local headers as stored data of the member before them, so that all of them share one kernel. */
function quotedOverlap(): Buffer {
  const kernel = rawZip({ members: [imgsMember()] }).subarray(0, 38 + compressed.length);
  const quoted: RawMember = { name: 'boxes.npy', content: kernel, method: 0 };
  return rawZip({ members: [quoted, { ...imgsMember(), headerOffset: 30 + 'boxes.npy'.length }] });
}

/** More members than the directory may hold. */
function manyMembers(count: number): Buffer {
  const empty = (index: number): RawMember => ({ name: `a${index}.npy`, content: Buffer.alloc(0), method: 0 });
  return smallNpz(...Array.from({ length: count }, (_, index) => empty(index)));
}

const sizesExtra = (uncompressed: number, packed: number) =>
  extraField(1, Buffer.concat([uint64(BigInt(uncompressed)), uint64(BigInt(packed))]));

export const hostileNames = casesOf([
  ['another local name', 'CVE-2025-1944', 'zip_member_name', one({ local: { name: 'evil.npy' } })],
  ['another letter case locally', 'CVE-2025-1944', 'zip_member_name', one({ local: { name: 'IMGS.npy' } })],
  ['a longer local name', 'CVE-2025-1944', 'zip_member_name', one({ local: { name: 'imgs.npy.pkl' } })],
  ['a path', 'zip slip', 'zip_member_name', named('../../imgs.npy')],
  ['a path with backslashes', 'zip slip', 'zip_member_name', named('..\\..\\imgs.npy')],
  ['an absolute path', 'zip slip', 'zip_member_name', named('/imgs.npy')],
  ['a drive', 'zip slip', 'zip_member_name', named('C:imgs.npy')],
  ['a folder', 'zip slip', 'zip_member_name', named('imgs.npy/')],
  ['a member of a folder', 'zip slip', 'zip_member_name', named('a/imgs.npy')],
  ['a NUL in the name', 'zip matrix', 'zip_member_name', named('imgs.npy\0.txt')],
  ['a line feed behind the name', 'zip matrix', 'zip_member_name', named('imgs.npy\n')],
  ['no name', 'zip format', 'zip_member_name', named('')],
  ['only an extension', 'zip format', 'zip_member_name', named('.npy')],
  ['a name of 64 KiB', 'zip format', 'zip_too_many_members', named(`${'a'.repeat(65_500)}.npy`)],
  ['a name that is not ASCII', 'zip matrix', 'zip_member_name', one({ name: 'im\xe4ges.npy', flags: 0x800 })],
  ['another extension', 'CVE-2025-1889', 'zip_member_name', named('imgs.txt')],
  [
    'a pickle beside the arrays',
    'CVE-2025-1889',
    'zip_member_name',
    () => smallNpz({ name: 'data.pkl', content: zeros.subarray(0, 9) }),
  ],
  [
    'a member without an extension',
    'CVE-2025-1889',
    'zip_member_name',
    () => smallNpz({ name: 'imgs', content: smallImgs }),
  ],
  [
    'a second name in an extra field',
    'zip matrix',
    'zip_member_name',
    one({ extra: extraField(0x7075, Buffer.from('\x01\0\0\0\0imgs.npy')) }),
  ],
  ['seventeen members', 'zip bomb', 'zip_too_many_members', () => manyMembers(16)],
  ['sixty thousand members', 'zip bomb', 'zip_too_many_members', () => manyMembers(60_000)],
]);

export const hostileContents = casesOf([
  ['overlapping data', 'CVE-2024-0450', 'zip_overlap', overlapping],
  ['a header quoted in another member', 'zip bomb', 'zip_overlap', quotedOverlap],
  [
    'data that reaches into the next member',
    'CVE-2024-0450',
    'zip_overlap',
    () => {
      const length = smallImgs.length + 40;
      const lies = { compressedBytes: length, uncompressedBytes: length };
      return rawZip({ members: [{ ...imgsMember(), method: 0, ...lies, local: lies }, smallPrompts] });
    },
  ],
  [
    'data that reaches into the directory',
    'CVE-2024-0450',
    'zip_overlap',
    one({ compressedBytes: compressed.length + 1, local: { compressedBytes: compressed.length + 1 } }),
  ],
  [
    'data beyond the file',
    'zip format',
    'zip_size_mismatch',
    one({ compressedBytes: 2 ** 31, local: { compressedBytes: 2 ** 31 } }),
  ],
  ['a wrong checksum', 'CVE-2025-10156', 'zip_crc_mismatch', one({ crc: 1 })],
  ['another local checksum', 'CVE-2025-10156', 'zip_crc_mismatch', one({ local: { crc: 1 } })],
  ['a wrong checksum of prompts', 'CVE-2025-10156', 'zip_crc_mismatch', () => smallNpz({ ...smallPrompts, crc: 0 })],
  ['a changed byte', 'CVE-2025-10156', 'zip_crc_mismatch', one({ method: 0, crc: crc32(smallImgs.subarray(1)) })],
  [
    'a stored member of two sizes',
    'zip format',
    'zip_size_mismatch',
    one({ method: 0, uncompressedBytes: smallImgs.length + 1 }),
  ],
  ['a size that is too small', 'zip matrix', 'zip_size_mismatch', one({ uncompressedBytes: smallImgs.length - 1 })],
  ['a size that is too big', 'zip matrix', 'npy_size_mismatch', one({ uncompressedBytes: smallImgs.length + 1 })],
  ['other local sizes', 'zip matrix', 'zip_size_mismatch', one({ local: { uncompressedBytes: smallImgs.length + 1 } })],
  ['other local sizes of compressed data', 'zip matrix', 'zip_size_mismatch', one({ local: { compressedBytes: 3 } })],
  [
    'local sizes of 0 without a descriptor',
    'zip matrix',
    'zip_size_mismatch',
    one({ local: { compressedBytes: 0, uncompressedBytes: 0 } }),
  ],
  [
    'other sizes in the local zip64 extra',
    'zip matrix',
    'zip_size_mismatch',
    one({ local: { compressedBytes: 0xffffffff, uncompressedBytes: 0xffffffff, extra: sizesExtra(24, 24) } }),
  ],
  [
    'marked local sizes without a zip64 extra',
    'zip format',
    'zip_malformed',
    one({ local: { compressedBytes: 0xffffffff, uncompressedBytes: 0xffffffff } }),
  ],
  ['marked sizes without a zip64 extra', 'zip format', 'zip_malformed', one({ uncompressedBytes: 0xffffffff })],
  [
    'a zip64 size of 2^63',
    'zip bomb',
    'too_large',
    one({
      uncompressedBytes: 0xffffffff,
      extra: extraField(1, uint64(2n ** 63n)),
      local: { extra: extraField(1, uint64(2n ** 63n)) },
    }),
  ],
  [
    'bytes behind the last deflate block',
    'zip matrix',
    'zip_size_mismatch',
    one({ compressed: Buffer.concat([compressed, Buffer.from('hidden')]) }),
  ],
  [
    'a second deflate stream',
    'zip matrix',
    'zip_size_mismatch',
    one({ compressed: Buffer.concat([compressed, compressed]) }),
  ],
  ['data that is not deflate', 'zip format', 'zip_malformed', one({ compressed: Buffer.from('this is not deflate') })],
  ['a deflate block of a reserved type', 'zip format', 'zip_malformed', one({ compressed: Buffer.from([7]) })],
  ['deflate without an end', 'zip format', 'zip_malformed', one({ compressed: compressed.subarray(0, -3) })],
  ['no data', 'zip format', 'zip_malformed', one({ compressed: Buffer.alloc(0) })],
  [
    'an honest bomb of 1 GiB',
    'zip bomb',
    'too_large',
    one({ compressed: deflatedZeros(1024), uncompressedBytes: 1024 ** 3 }),
  ],
  [
    'a bomb of 1 GiB that declares 100 bytes',
    'zip bomb',
    'zip_size_mismatch',
    one({ compressed: deflatedZeros(1024), uncompressedBytes: 100 }),
  ],
  [
    'a bomb that declares little behind a good header',
    'zip bomb',
    'zip_size_mismatch',
    one({ content: Buffer.concat([smallImgs, zeros]), uncompressedBytes: smallImgs.length }),
  ],
  ['a prompt bomb', 'zip bomb', 'too_large', () => smallNpz({ name: 'text_prompts.npy', content: zeros })],
  [
    'a prompt bomb that declares little',
    'zip bomb',
    'zip_size_mismatch',
    () => smallNpz({ ...smallPrompts, compressed: deflatedZeros(64), uncompressedBytes: 1000 }),
  ],
  ['a spacing bomb', 'zip bomb', 'spacing_invalid', () => smallNpz({ name: 'spacing.npy', content: zeros })],
  [
    'a volume with a tail',
    'CVE-2019-6446',
    'npy_size_mismatch',
    one({ content: Buffer.concat([smallImgs, Buffer.from('\x80\x04N.', 'latin1')]) }),
  ],
  [
    'a shape of fewer bytes',
    'npyjs 1.2.0',
    'npy_size_mismatch',
    one({ content: npy('|u1', testShape, zeros.subarray(0, 23)) }),
  ],
]);
