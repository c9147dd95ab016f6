import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { readCanonicalInput } from './canonical-input.ts';
import { readPlanes } from './read-planes.ts';
import { rebuildInput } from './rebuild-input.ts';
import { NO_GEOMETRY } from './settle-spacing.ts';
import {
  floats,
  imgsMember,
  inFolder,
  npy,
  npyWithHeader,
  smallNpz,
  smallPrompts,
  testPolicy,
} from './testing/npz-cases.ts';
import { rawZip } from './testing/raw-zip.ts';

async function withRebuilt<T>(bytes: Buffer, use: (path: string, folder: string) => Promise<T>): Promise<T> {
  return inFolder(async (folder) => {
    const sourcePath = join(folder, 'source.npz');
    const targetPath = join(folder, 'input.npz');
    await writeFile(sourcePath, bytes);
    await rebuildInput({ sourcePath, targetPath, policy: testPolicy, geometry: NO_GEOMETRY });
    return use(targetPath, folder);
  });
}

const smallSpacing = { name: 'spacing.npy', content: npy('<f4', [3], floats(0.5, 1, 5)) };

describe('a rebuilt input', () => {
  it('is summarised as it was written', async () => {
    await inFolder(async (folder) => {
      const sourcePath = join(folder, 'source.npz');
      const targetPath = join(folder, 'input.npz');
      await writeFile(sourcePath, smallNpz(smallPrompts, smallSpacing));
      const summary = await rebuildInput({ sourcePath, targetPath, policy: testPolicy, geometry: NO_GEOMETRY });
      const written = await readFile(targetPath);
      expect(summary).toMatchObject({
        shape: [2, 3, 4],
        dtype: 'uint8',
        spacingMm: [0.5, 1, 5],
        prompts: { labels: [{ id: 1 }, { id: 17, prompt: 'Leber, groß' }], instanceLabel: 0 },
        intensity: { received: { dtype: 'uint8', min: 0, max: 230 }, applied: 'none' },
        bytes: (await stat(targetPath)).size,
        sha256: createHash('sha256').update(written).digest('hex'),
        warnings: [],
      });
      const { shape, dtype, fortranOrder, spacingMm: spacing, prompts } = summary;
      expect(await readCanonicalInput(targetPath)).toEqual({ shape, dtype, fortranOrder, spacing, prompts });
    });
  });

  it('holds the spacing as x, y, z, whatever order the client used', async () => {
    await inFolder(async (folder) => {
      const sourcePath = join(folder, 'source.npz');
      const targetPath = join(folder, 'input.npz');
      await writeFile(sourcePath, smallNpz(smallPrompts, smallSpacing));
      const geometry = { spacingOrder: 'zyx', affine: null } as const;
      await rebuildInput({ sourcePath, targetPath, policy: testPolicy, geometry });
      expect((await readCanonicalInput(targetPath)).spacing).toEqual([5, 1, 0.5]);
    });
  });

  it('takes the spacing from the affine, and says when the file said something else', async () => {
    await inFolder(async (folder) => {
      const sourcePath = join(folder, 'source.npz');
      const targetPath = join(folder, 'input.npz');
      await writeFile(sourcePath, smallNpz(smallPrompts, smallSpacing));
      const affine = [
        [-2, 0, 0, 9],
        [0, 3, 0, 9],
        [0, 0, 4, 9],
        [0, 0, 0, 1],
      ] as const;
      const summary = await rebuildInput({
        sourcePath,
        targetPath,
        policy: testPolicy,
        geometry: { spacingOrder: 'xyz', affine },
      });
      expect(summary).toMatchObject({ spacingMm: [2, 3, 4], warnings: ['spacing_differs_from_affine'] });
      expect((await readCanonicalInput(targetPath)).spacing).toEqual([2, 3, 4]);
    });
  });

  it('of normalized floats is scaled, and says so', async () => {
    await inFolder(async (folder) => {
      const sourcePath = join(folder, 'source.npz');
      const targetPath = join(folder, 'input.npz');
      await writeFile(sourcePath, rawZip({ members: [imgsMember(npy('<f4', [1, 1, 3], floats(0, 0.5, 1)))] }));
      const summary = await rebuildInput({ sourcePath, targetPath, policy: testPolicy, geometry: NO_GEOMETRY });
      expect(summary.intensity).toEqual({ received: { dtype: 'float32', min: 0, max: 1 }, applied: 'x255' });
      expect(summary.warnings).toEqual(['intensity_scaled', 'spacing_missing']);
      const planes = await readPlanes(targetPath, { z: 0, y: 0, x: 1 });
      expect([...planes.axial.data]).toEqual([0, 127.5, 255]);
    });
  });

  it('is the same file for the same content', async () => {
    const [first, second] = await Promise.all(
      [1, 2].map(() => withRebuilt(smallNpz(smallPrompts), (path) => readFile(path))),
    );
    expect(first).toEqual(second);
  });

  it('never replaces a file', async () => {
    await withRebuilt(smallNpz(), async (targetPath, folder) => {
      const before = await readFile(targetPath);
      const sourcePath = join(folder, 'source.npz');
      await expect(
        rebuildInput({ sourcePath, targetPath, policy: testPolicy, geometry: NO_GEOMETRY }),
      ).rejects.toMatchObject({
        code: 'EEXIST',
      });
      expect(await readFile(targetPath)).toEqual(before);
    });
  });

  it('is not left behind by an abort', async () => {
    await inFolder(async (folder) => {
      const sourcePath = join(folder, 'source.npz');
      await writeFile(sourcePath, smallNpz());
      const args = { sourcePath, targetPath: join(folder, 'input.npz'), policy: testPolicy, geometry: NO_GEOMETRY };
      await expect(rebuildInput({ ...args, signal: AbortSignal.abort() })).rejects.toMatchObject({
        name: 'AbortError',
      });
      expect(await readdir(folder)).toEqual(['source.npz']);
    });
  });
});

describe('planes', () => {
  const shape = [3, 4, 5];
  const value = (z: number, y: number, x: number) => 100 * z + 10 * y + x;
  const cOrder: number[] = [];
  for (let z = 0; z < 3; z += 1)
    for (let y = 0; y < 4; y += 1) for (let x = 0; x < 5; x += 1) cOrder.push(value(z, y, x));
  const fOrder: number[] = [];
  for (let x = 0; x < 5; x += 1)
    for (let y = 0; y < 4; y += 1) for (let z = 0; z < 3; z += 1) fOrder.push(value(z, y, x));
  const fHeader = "{'descr': '>f4', 'fortran_order': True, 'shape': (3, 4, 5), }\n";

  it.each([
    ['C order', npy('<f4', shape, floats(...cOrder))],
    ['Fortran order, big-endian', npyWithHeader(fHeader, floats(...fOrder).swap32())],
  ])('are cut from %s', async (_name, content) => {
    await withRebuilt(rawZip({ members: [imgsMember(content)] }), async (path) => {
      const { axial, coronal, sagittal } = await readPlanes(path, { z: 1, y: 2, x: 3 });
      expect([axial.width, axial.height, coronal.width, coronal.height, sagittal.width, sagittal.height]).toEqual([
        5, 4, 5, 3, 4, 3,
      ]);
      expect([...axial.data]).toEqual(Array.from({ length: 20 }, (_, at) => value(1, Math.floor(at / 5), at % 5)));
      expect([...coronal.data]).toEqual(Array.from({ length: 15 }, (_, at) => value(Math.floor(at / 5), 2, at % 5)));
      expect([...sagittal.data]).toEqual(Array.from({ length: 12 }, (_, at) => value(Math.floor(at / 4), at % 4, 3)));
    });
  });

  it('larger than one block are whole', async () => {
    const big = [40, 200, 201];
    const data = Uint16Array.from({ length: 40 * 200 * 201 }, (_, index) => index % 251);
    await withRebuilt(rawZip({ members: [imgsMember(npy('<u2', big, Buffer.from(data.buffer)))] }), async (path) => {
      const { axial, coronal, sagittal } = await readPlanes(path, { z: 39, y: 101, x: 200 });
      const at = (z: number, y: number, x: number) => ((z * 200 + y) * 201 + x) % 251;
      expect([...axial.data]).toEqual(
        Array.from({ length: 200 * 201 }, (_, index) => at(39, Math.floor(index / 201), index % 201)),
      );
      expect([...coronal.data]).toEqual(
        Array.from({ length: 40 * 201 }, (_, index) => at(Math.floor(index / 201), 101, index % 201)),
      );
      expect([...sagittal.data]).toEqual(
        Array.from({ length: 40 * 200 }, (_, index) => at(Math.floor(index / 200), index % 200, 200)),
      );
    });
  });

  it('outside of the volume are a mistake of the caller', async () => {
    await withRebuilt(smallNpz(), async (path) => {
      await expect(readPlanes(path, { z: 2, y: 0, x: 0 })).rejects.toThrow(RangeError);
    });
  });
});
