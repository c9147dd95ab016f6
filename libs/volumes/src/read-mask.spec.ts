import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { maskCenter } from './mask.ts';
import { DEFAULT_MASK_LIMITS, readMask } from './read-mask.ts';
import type { MaskExpectation } from './read-mask.ts';
import { inFolder, npy, npyWithHeader, outcomeOf } from './testing/npz-cases.ts';
import { dict, objectScalar } from './testing/pickle-builder.ts';
import { rawZip } from './testing/raw-zip.ts';
import type { VolumeErrorCode } from './volume-error.ts';

const shape = [2, 3, 4] as const;
const labels: MaskExpectation = { kind: 'labels', ids: [1, 2] };
const instances: MaskExpectation = { kind: 'instances' };
const options = (expectation: MaskExpectation) => ({ shape, expectation, limits: DEFAULT_MASK_LIMITS });
const outcome = (bytes: Buffer, expectation: MaskExpectation = labels) =>
  outcomeOf(bytes, (path) => readMask(path, options(expectation)));
const npz = (content: Buffer, name = 'segs') => rawZip({ members: [{ name: `${name}.npy`, content }] });
const cells = Array.from({ length: 24 }, (_, index) => (index === 5 ? 1 : index >= 18 ? 2 : 0));
const uint8 = Buffer.from(cells);
const bytesOf = (array: ArrayLike<number | bigint> & { readonly buffer: ArrayBuffer }) => Buffer.from(array.buffer);

async function read(bytes: Buffer, expectation: MaskExpectation = labels) {
  return inFolder(async (folder) => {
    await writeFile(join(folder, 'mask.npz'), bytes);
    return readMask(join(folder, 'mask.npz'), options(expectation));
  });
}

describe('a mask', () => {
  it('has its labels summarised', async () => {
    const mask = await read(npz(npy('|u1', shape, uint8)));
    expect([...mask.data]).toEqual(cells);
    expect(mask.labels).toEqual([
      { id: 1, voxels: 1, bbox: { min: [0, 1, 1], max: [0, 1, 1] }, centroid: [0, 1, 1] },
      { id: 2, voxels: 6, bbox: { min: [1, 1, 0], max: [1, 2, 3] }, centroid: [1, 10 / 6, 11 / 6] },
    ]);
    expect(maskCenter(mask)).toEqual({ z: 1, y: 2, x: 2 });
  });

  it('may be empty', async () => {
    const mask = await read(npz(npy('|u1', shape, Buffer.alloc(24))));
    expect(mask.labels).toEqual([]);
    expect(maskCenter(mask)).toEqual({ z: 1, y: 1, x: 2 });
  });

  it.each([
    ['64-bit integers', '<i8', bytesOf(BigInt64Array.from(cells, BigInt))],
    ['32-bit integers', '<i4', bytesOf(Int32Array.from(cells))],
    ['big-endian integers', '>u2', bytesOf(Uint16Array.from(cells)).swap16()],
  ])('may come as %s', async (_name, descr, data) => {
    expect([...(await read(npz(npy(descr, shape, data)))).data]).toEqual(cells);
  });

  it('may come in Fortran order', async () => {
    const header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4), }\n";
    const mask = await read(
      npz(npyWithHeader(header, Buffer.from(Array.from({ length: 24 }, (_, at) => (at === 13 ? 1 : 0))))),
    );
    expect(mask.labels[0]?.bbox.min).toEqual([1, 0, 2]);
  });

  it('of instances has sixteen bits', async () => {
    const ids = Uint16Array.from(cells, (id) => id * 30_000);
    const mask = await read(npz(npy('<u2', shape, bytesOf(ids))), instances);
    expect(mask.data).toBeInstanceOf(Uint16Array);
    expect(mask.labels.map(({ id, voxels }) => [id, voxels])).toEqual([
      [30_000, 1],
      [60_000, 6],
    ]);
  });

  it('may have a thousand instances', async () => {
    const ids = Uint16Array.from({ length: 24 * 50 }, (_, index) => index);
    const mask = await inFolder(async (folder) => {
      await writeFile(join(folder, 'mask.npz'), npz(npy('<u2', [2, 3, 200], bytesOf(ids))));
      return readMask(join(folder, 'mask.npz'), { ...options(instances), shape: [2, 3, 200] });
    });
    expect(mask.labels).toHaveLength(1199);
    expect(mask.labels[600]).toEqual({
      id: 601,
      voxels: 1,
      bbox: { min: [1, 0, 1], max: [1, 0, 1] },
      centroid: [1, 0, 1],
    });
  });

  it('is found under the names that a caller gives, and under no other then', async () => {
    const asked = { ...options(labels), keys: ['gts', 'segs'] };
    const found = (name: string) => outcomeOf(npz(npy('|u1', shape, uint8), name), (path) => readMask(path, asked));
    const outcomes = [await found('gts'), await found('segs'), await found('mask')];
    expect(outcomes).toEqual(['accepted', 'accepted', 'missing_member']);
  });

  it.each(['segs', 'pred_mask', 'mask'])('is found as %s', async (name) => {
    expect(await outcome(npz(npy('|u1', shape, uint8), name))).toBe('accepted');
  });

  const at = (value: number) => Int32Array.from(cells, (id, index) => (index === 7 ? value : id));
  const cases: readonly (readonly [string, VolumeErrorCode, Buffer, MaskExpectation?])[] = [
    ['another key', 'missing_member', npz(npy('|u1', shape, uint8), 'labels')],
    ['floats', 'mask_dtype', npz(npy('<f4', shape, Buffer.alloc(96)))],
    ['objects', 'mask_dtype', npz(npy('|O', shape, objectScalar(dict())))],
    ['a pickle alone', 'mask_dtype', npz(npy('|O', [], objectScalar(dict())))],
    ['another shape', 'mask_shape', npz(npy('|u1', [4, 3, 2], uint8))],
    ['another rank', 'mask_shape', npz(npy('|u1', [24], uint8))],
    ['missing voxels', 'npy_size_mismatch', npz(npy('|u1', shape, uint8.subarray(1)))],
    ['an id that was not asked for', 'mask_labels', npz(npy('<i4', shape, bytesOf(at(3))))],
    ['a negative id', 'mask_labels', npz(npy('<i4', shape, bytesOf(at(-1))))],
    ['an id that would wrap around', 'mask_labels', npz(npy('<i4', shape, bytesOf(at(256 + 1))))],
    ['an id beyond 16 bits', 'mask_labels', npz(npy('<i4', shape, bytesOf(at(65_537)))), instances],
    ['a negative instance', 'mask_labels', npz(npy('<i4', shape, bytesOf(at(-1)))), instances],
    [
      'an id beyond 32 bits',
      'mask_labels',
      npz(npy('<i8', shape, bytesOf(BigInt64Array.from(cells, (id) => BigInt(id) + 2n ** 40n)))),
    ],
    [
      'a wrong checksum',
      'zip_crc_mismatch',
      rawZip({ members: [{ name: 'segs.npy', content: npy('|u1', shape, uint8), crc: 7 }] }),
    ],
    ['nonsense', 'not_a_zip', Buffer.from('segmentation fault (core dumped)')],
  ];
  // Not it.each: it would take the optional last parameter for a callback and wait for it.
  for (const [name, code, bytes, expectation] of cases) {
    it(`with ${name} is refused: ${code}`, async () => {
      expect(await outcome(bytes, expectation)).toBe(code);
    });
  }

  it('is read from regular files only, without following links', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'real.npz');
      await writeFile(file, npz(npy('|u1', shape, uint8)));
      await symlink(file, join(folder, 'link.npz'));
      await mkdir(join(folder, 'folder.npz'));
      await promisify(execFile)('mkfifo', [join(folder, 'pipe.npz')]);
      for (const name of ['link.npz', 'folder.npz', 'pipe.npz']) {
        await expect(readMask(join(folder, name), options(labels))).rejects.toMatchObject({ code: 'file_not_regular' });
      }
      await expect(readMask(join(folder, 'none.npz'), options(labels))).rejects.toMatchObject({ code: 'file_missing' });
      const limits = { ...DEFAULT_MASK_LIMITS, fileBytesMax: 10 };
      await expect(readMask(file, { ...options(labels), limits })).rejects.toMatchObject({ code: 'too_large' });
    });
  });
});
