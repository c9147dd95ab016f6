import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32, gunzipSync, inflateSync } from 'node:zlib';

import { checkAffine } from './affine.ts';
import { labelColor } from './label-color.ts';
import { maskCenter, maskFrom } from './mask.ts';
import type { Mask } from './mask.ts';
import type { Plane, Planes } from './read-planes.ts';
import { inFolder } from './testing/npz-cases.ts';
import { VolumeError } from './volume-error.ts';
import { writeMaskNifti } from './write-mask-nifti.ts';
import { writeMaskNpz } from './write-mask-npz.ts';
import { writePreviewPng } from './write-preview-png.ts';

/** A ball of label 1 in a box. */
function ball(depth: number, height: number, width: number): Mask {
  const data = new Uint8Array(depth * height * width);
  const radius = 0.4 * Math.min(depth, height, width);
  data.forEach((_, index) => {
    const z = Math.floor(index / (height * width)) - depth / 2;
    const y = (Math.floor(index / width) % height) - height / 2;
    const x = (index % width) - width / 2;
    if (z * z + y * y + x * x < radius * radius) data[index] = 1;
  });
  return maskFrom([depth, height, width], data);
}

function flatPlane(width: number, height: number): Plane {
  return { width, height, data: Float32Array.from({ length: width * height }, (_, index) => index % 200) };
}

/** Checks every chunk of a PNG and returns its size and rows. Format: W3C PNG, third edition. */
function decodePng(png: Buffer): { width: number; height: number; rows: Buffer } {
  expect(png.subarray(0, 8)).toEqual(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'));
  const chunks = new Map<string, Buffer>();
  let at = 8;
  while (at < png.length) {
    const length = png.readUInt32BE(at);
    const body = png.subarray(at + 4, at + 8 + length);
    expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    chunks.set(body.toString('latin1', 0, 4), body.subarray(4));
    at += 12 + length;
  }
  const header = chunks.get('IHDR') ?? Buffer.alloc(8);
  return {
    width: header.readUInt32BE(0),
    height: header.readUInt32BE(4),
    rows: inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0)),
  };
}

describe('a preview', () => {
  const draw = (mask: Mask, planes: Planes | null, spacing: readonly [number, number, number] | null = null) =>
    inFolder(async (folder) => {
      await writePreviewPng(join(folder, 'preview.png'), { planes, mask, spacing });
      return readFile(join(folder, 'preview.png'));
    });

  it('is a readable picture, however small the volume', async () => {
    for (const mask of [ball(1, 1, 1), ball(4, 4, 4), ball(3, 200, 300), ball(300, 20, 20)]) {
      const { width, height, rows } = decodePng(await draw(mask, null));
      expect(rows.length).toBe((width * 3 + 1) * height);
      expect(Math.max(width, height)).toBeGreaterThan(320);
      expect(width).toBeLessThanOrEqual(3 * 512 + 48);
      expect(height).toBeLessThanOrEqual(512);
    }
  });

  it('shows voxels in their true proportions', async () => {
    const square = decodePng(await draw(ball(20, 20, 20), null, [1, 1, 1]));
    const wide = decodePng(await draw(ball(20, 20, 20), null, [2, 1, 1]));
    expect(wide.width).toBeGreaterThan(square.width);
  });

  it('is the same picture each time', async () => {
    const mask = ball(20, 30, 40);
    const planes = {
      at: maskCenter(mask),
      axial: flatPlane(40, 30),
      coronal: flatPlane(40, 20),
      sagittal: flatPlane(30, 20),
    };
    const first = await draw(mask, planes);
    // Buffer.equals: comparing pictures item by item takes the test library seconds.
    expect(first.equals(await draw(mask, planes))).toBe(true);
    expect(first.equals(await draw(mask, null))).toBe(false);
  });
});

describe('mask files', () => {
  it('are the same bytes each time, without a time or a name', async () => {
    const digest = async () =>
      inFolder(async (folder) => {
        const mask = ball(10, 12, 14);
        await writeMaskNpz(join(folder, 'mask.npz'), mask);
        await writeMaskNifti(join(folder, 'mask.nii.gz'), mask, { affine: null, spacing: null });
        const nifti = await readFile(join(folder, 'mask.nii.gz'));
        expect([...nifti.subarray(0, 8)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
        expect(gunzipSync(nifti).length).toBe(352 + 10 * 12 * 14);
        return createHash('sha256')
          .update(nifti)
          .update(await readFile(join(folder, 'mask.npz')))
          .digest('hex');
      });
    expect(await digest()).toBe(await digest());
  });

  it('are not left behind when writing fails', async () => {
    await inFolder(async (folder) => {
      const mask = ball(4, 4, 4);
      const signal = AbortSignal.abort();
      await expect(writeMaskNpz(join(folder, 'mask.npz'), mask, signal)).rejects.toMatchObject({ name: 'AbortError' });
      const nifti = writeMaskNifti(join(folder, 'mask.nii.gz'), mask, { affine: null, spacing: null }, signal);
      await expect(nifti).rejects.toMatchObject({ name: 'AbortError' });
      expect(await readdir(folder)).toEqual([]);
    });
  });
});

describe('an affine', () => {
  const rows = (edit: (matrix: number[][]) => void): unknown => {
    const matrix = [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ];
    edit(matrix);
    return matrix;
  };
  const set = (row: number, column: number, value: number) => rows((matrix) => matrix[row]?.splice(column, 1, value));

  it('is taken as it is', () => {
    expect(checkAffine(set(0, 3, -90.5))).toEqual(set(0, 3, -90.5));
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['three rows', rows((matrix) => matrix.pop())],
    ['a short row', rows((matrix) => matrix[1]?.pop())],
    ['text', rows((matrix) => matrix.splice(0, 1, ['1', 0, 0, 0] as unknown as number[]))], // wrong on purpose
    ['NaN', set(0, 0, Number.NaN)],
    ['infinity', set(2, 3, Number.POSITIVE_INFINITY)],
    ['another last row', set(3, 0, 1)],
    ['an empty axis', set(1, 1, 0)],
    ['parallel axes', rows((matrix) => matrix.splice(1, 1, [1, 0, 0, 0]))],
    ['voxels above a metre', set(0, 0, 1001)],
  ])('with %s is refused', (_name, matrix) => {
    let code = 'accepted';
    try {
      checkAffine(matrix);
    } catch (error) {
      if (error instanceof VolumeError) code = error.code;
    }
    expect(code).toBe('affine_invalid');
  });
});

describe('label colours', () => {
  it('are different for the first hundred labels', () => {
    const colors = Array.from({ length: 100 }, (_, index) => labelColor(index + 1));
    expect(new Set(colors.map(String)).size).toBe(100);
    expect(colors.flat().every((channel) => Number.isInteger(channel) && channel >= 0 && channel <= 255)).toBe(true);
  });
});
