import { describe, expect, it } from '@jest/globals';
import { deflateRawSync } from 'node:zlib';

import { rebuildInput } from './rebuild-input.ts';
import { NO_GEOMETRY } from './settle-spacing.ts';
import { imgsMember, outcomeOf, smallImgs, smallNpz, smallPrompts, testPolicy } from './testing/npz-cases.ts';
import { rawZip, uint16, uint32, uint64 } from './testing/raw-zip.ts';
import type { RawMember } from './testing/raw-zip.ts';
import type { VolumeErrorCode } from './volume-error.ts';

const rebuild = (bytes: Buffer) =>
  outcomeOf(bytes, (sourcePath, targetPath) =>
    rebuildInput({ sourcePath, targetPath, policy: testPolicy, geometry: NO_GEOMETRY }),
  );

function extra(id: number, data: Buffer): Buffer {
  return Buffer.concat([uint16(id), uint16(data.length), data]);
}

const compressed = deflateRawSync(smallImgs);
const sizes64 = Buffer.concat([uint64(BigInt(smallImgs.length)), uint64(BigInt(compressed.length))]);
const zeros = Buffer.alloc(1024 * 1024);

/** An archive of one zip64 end record with the given directory offset and locator. */
function zip64Ended(at: { readonly record: bigint; readonly directory?: bigint; readonly disk?: number }): Buffer {
  const plain = smallNpz();
  const end = plain.subarray(plain.length - 22);
  const body = plain.subarray(0, plain.length - 22);
  const record = Buffer.concat([
    uint32(0x06064b50),
    uint64(44n),
    uint16(45),
    uint16(45),
    uint32(at.disk ?? 0),
    uint32(0),
    uint64(1n),
    uint64(1n),
    uint64(BigInt(end.readUInt32LE(12))),
    uint64(at.directory ?? BigInt(end.readUInt32LE(16))),
  ]);
  const locator = Buffer.concat([uint32(0x07064b50), uint32(0), uint64(at.record), uint32(1)]);
  return Buffer.concat([body, record, locator, end]);
}

const zip64RecordAt = BigInt(smallNpz().length - 22);

describe('archives that NumPy, Java or Go write', () => {
  const cases: readonly (readonly [string, Buffer])[] = [
    ['stored members', rawZip({ members: [{ ...imgsMember(), method: 0 }] })],
    [
      'zip64 extras with the real sizes beside them',
      rawZip({ members: [{ ...imgsMember(), local: { extra: extra(1, sizes64) } }] }),
    ],
    [
      'zip64 extras with marked sizes',
      rawZip({
        members: [
          {
            ...imgsMember(),
            local: { compressedBytes: 0xffffffff, uncompressedBytes: 0xffffffff, extra: extra(1, sizes64) },
          },
        ],
      }),
    ],
    [
      'data descriptors',
      rawZip({
        members: [
          {
            ...imgsMember(),
            flags: 0x0808,
            local: { crc: 0, compressedBytes: 0, uncompressedBytes: 0 },
            trailer: Buffer.alloc(16),
          },
          smallPrompts,
        ],
      }),
    ],
    ['zip64 end records', zip64Ended({ record: zip64RecordAt })],
    ['members that nobody asked for', smallNpz({ name: 'boxes.npy', content: Buffer.from('not even an array') })],
  ];
  it.each(cases)('accepts %s', async (_name, bytes) => {
    expect(await rebuild(bytes)).toBe('accepted');
  });
});

describe('archives that are refused', () => {
  const one = (member: Partial<RawMember>) => rawZip({ members: [{ ...imgsMember(), ...member }] });
  const cases: readonly (readonly [string, VolumeErrorCode, Buffer])[] = [
    ['nothing', 'not_a_zip', Buffer.alloc(0)],
    ['text', 'not_a_zip', Buffer.from('hello, this is not an archive at all')],
    ['an empty archive', 'missing_member', rawZip({ members: [] })],
    ['no imgs', 'missing_member', rawZip({ members: [smallPrompts] })],
    ['an archive that was cut off', 'zip_truncated', smallNpz().subarray(0, -30)],
    ['bytes in front', 'not_a_zip', Buffer.concat([Buffer.from('MZ'), smallNpz()])],
    ['an archive in front', 'zip_malformed', Buffer.concat([smallNpz(), smallNpz()])],
    ['bytes behind', 'zip_malformed', Buffer.concat([smallNpz(), Buffer.from('x')])],
    ['a comment', 'zip_malformed', rawZip({ members: [imgsMember()], comment: Buffer.from('hi') })],
    ['an end record inside of a comment', 'zip_malformed', rawZip({ members: [imgsMember()], comment: smallNpz() })],
    ['a zip64 end record beyond the file', 'zip_malformed', zip64Ended({ record: 2n ** 63n })],
    ['a zip64 directory beyond the file', 'zip_malformed', zip64Ended({ record: zip64RecordAt, directory: 2n ** 62n })],
    ['a second disk', 'zip_malformed', zip64Ended({ record: zip64RecordAt, disk: 1 })],
    ['a directory elsewhere', 'zip_malformed', rawZip({ members: [imgsMember()], directoryOffset: 4 })],
    ['fewer entries than counted', 'zip_malformed', rawZip({ members: [imgsMember()], entryCount: 2 })],
    ['more entries than counted', 'zip_malformed', rawZip({ members: [imgsMember(), smallPrompts], entryCount: 1 })],
    ['a duplicate', 'zip_duplicate_member', smallNpz(imgsMember())],
    ['two entries for one local header', 'zip_member_name', smallNpz({ ...smallPrompts, headerOffset: 0 })],
    [
      'overlapping data',
      'zip_overlap',
      // The second header lies inside of the first one's stored data.
      (() => {
        const inner = rawZip({ members: [{ name: 'imgs.npy', content: smallImgs }] });
        const stored = Buffer.concat([inner.subarray(0, 38 + compressed.length), Buffer.alloc(4)]);
        const outer: RawMember = { name: 'a.npy', content: stored, method: 0 };
        return rawZip({ members: [outer, { ...imgsMember(), headerOffset: 30 + 'a.npy'.length }] });
      })(),
    ],
    ['another local name', 'zip_member_name', one({ local: { name: 'evil.npy' } })],
    ['a path', 'zip_member_name', one({ name: '../../imgs.npy' })],
    ['an absolute path', 'zip_member_name', one({ name: '/imgs.npy' })],
    ['a NUL in the name', 'zip_member_name', one({ name: 'imgs.npy\0.txt' })],
    ['another extension', 'zip_member_name', one({ name: 'imgs.txt' })],
    ['a name that is not ASCII', 'zip_member_name', one({ name: 'im\xe4ges.npy', flags: 0x800 })],
    [
      'a second name in an extra field',
      'zip_member_name',
      one({ extra: extra(0x7075, Buffer.from('\x01\0\0\0\0imgs.npy')) }),
    ],
    ['other extra fields', 'zip_malformed', one({ extra: extra(0x5455, Buffer.alloc(5)) })],
    ['other local extra fields', 'zip_malformed', one({ local: { extra: extra(0x7075, Buffer.alloc(9)) } })],
    ['a broken extra field', 'zip_malformed', one({ extra: Buffer.from([1, 0, 9, 0]) })],
    ['a broken local extra field', 'zip_malformed', one({ local: { extra: Buffer.from([1, 0, 9, 0]) } })],
    ['a member comment', 'zip_malformed', one({ comment: Buffer.from('hi') })],
    ['encryption', 'zip_encrypted', one({ flags: 1 })],
    ['strong encryption', 'zip_encrypted', one({ flags: 0x41 })],
    ['masked headers', 'zip_encrypted', one({ flags: 0x2000 })],
    ['other flags', 'zip_malformed', one({ flags: 0x20 })],
    ['encryption told only locally', 'zip_malformed', one({ local: { flags: 1 } })],
    ['bzip2', 'zip_method', one({ method: 12 })],
    ['lzma', 'zip_method', one({ method: 14 })],
    ['another local method', 'zip_malformed', one({ local: { method: 0 } })],
    ['a wrong checksum', 'zip_crc_mismatch', one({ crc: 1 })],
    ['another local checksum', 'zip_crc_mismatch', one({ local: { crc: 1 } })],
    ['a stored member of two sizes', 'zip_size_mismatch', one({ method: 0, uncompressedBytes: smallImgs.length + 1 })],
    ['a size that is too small', 'zip_size_mismatch', one({ uncompressedBytes: smallImgs.length - 1 })],
    ['a size that is too big', 'npy_size_mismatch', one({ uncompressedBytes: smallImgs.length + 1 })],
    ['other local sizes', 'zip_size_mismatch', one({ local: { uncompressedBytes: smallImgs.length + 1 } })],
    [
      'bytes behind the last deflate block',
      'zip_size_mismatch',
      one({ compressed: Buffer.concat([compressed, Buffer.from('hidden')]) }),
    ],
    ['data that is not deflate', 'zip_malformed', one({ compressed: Buffer.from('this is not deflate') })],
    ['deflate without an end', 'zip_malformed', one({ compressed: compressed.subarray(0, -3) })],
    ['an honest bomb', 'too_large', one({ uncompressedBytes: 1024 ** 3 })],
    [
      'a bomb that declares little',
      'zip_size_mismatch',
      one({ content: Buffer.concat([smallImgs, zeros]), uncompressedBytes: smallImgs.length }),
    ],
    ['a prompt bomb', 'too_large', smallNpz({ name: 'text_prompts.npy', content: zeros })],
    ['a spacing bomb', 'spacing_invalid', smallNpz({ name: 'spacing.npy', content: zeros })],
    [
      'data beyond the file',
      'zip_size_mismatch',
      one({ compressedBytes: 2 ** 31, local: { compressedBytes: 2 ** 31 } }),
    ],
    [
      'seventeen members',
      'zip_too_many_members',
      smallNpz(...Array.from({ length: 16 }, (_, index) => ({ name: `a${index}.npy`, content: Buffer.alloc(1) }))),
    ],
    [
      'sixty thousand members',
      'zip_too_many_members',
      smallNpz(
        ...Array.from({ length: 60_000 }, (_, index) => ({
          name: `a${index}.npy`,
          content: Buffer.alloc(0),
          method: 0,
        })),
      ),
    ],
  ];
  it.each(cases)('%s: %s', async (_name, code, bytes) => {
    expect(await rebuild(bytes)).toBe(code);
  });
});
