import { describe, expect, it } from '@jest/globals';
import { deflateRawSync } from 'node:zlib';

import { rebuildInput } from './rebuild-input.ts';
import { NO_GEOMETRY } from './settle-spacing.ts';
import { zip64Ended } from './testing/corpus/hostile-archives.ts';
import { imgsMember, outcomeOf, smallImgs, smallNpz, smallPrompts, testPolicy } from './testing/npz-cases.ts';
import { extraField, rawZip, uint64 } from './testing/raw-zip.ts';

const rebuild = (bytes: Buffer) =>
  outcomeOf(bytes, (sourcePath, targetPath) =>
    rebuildInput({ sourcePath, targetPath, policy: testPolicy, geometry: NO_GEOMETRY }),
  );

const compressed = deflateRawSync(smallImgs);
const sizes64 = Buffer.concat([uint64(BigInt(smallImgs.length)), uint64(BigInt(compressed.length))]);

describe('archives that NumPy, Java or Go write', () => {
  const cases: readonly (readonly [string, Buffer])[] = [
    ['stored members', rawZip({ members: [{ ...imgsMember(), method: 0 }] })],
    [
      'zip64 extras with the real sizes beside them',
      rawZip({ members: [{ ...imgsMember(), local: { extra: extraField(1, sizes64) } }] }),
    ],
    [
      'zip64 extras with marked sizes',
      rawZip({
        members: [
          {
            ...imgsMember(),
            local: { compressedBytes: 0xffffffff, uncompressedBytes: 0xffffffff, extra: extraField(1, sizes64) },
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
    ['zip64 end records', zip64Ended()],
    [
      'zip64 end records that the end record points to',
      zip64Ended(
        {},
        { members: [imgsMember()], entryCount: 0xffff, directoryBytes: 0xffffffff, directoryOffset: 0xffffffff },
      ),
    ],
    ['zip64 end records of a writer that counts no disks', zip64Ended({ disks: 0 })],
    ['members that nobody asked for', smallNpz({ name: 'boxes.npy', content: Buffer.from('not even an array') })],
  ];
  it.each(cases)('accepts %s', async (_name, bytes) => {
    expect(await rebuild(bytes)).toBe('accepted');
  });
});
