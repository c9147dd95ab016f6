import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { checkAffine } from './affine.ts';
import { formatNpyHeader } from './npy-header.ts';
import { DEFAULT_MASK_LIMITS, readMask } from './read-mask.ts';
import { NO_GEOMETRY } from './settle-spacing.ts';
import { rebuildInput } from './rebuild-input.ts';
import { createFile } from './regular-file.ts';
import { testPolicy } from './testing/npz-cases.ts';
import { runPython } from './testing/python.ts';
import { writeMaskNifti } from './write-mask-nifti.ts';
import { writeMaskNpz } from './write-mask-npz.ts';
import { openZip } from './zip-reader.ts';
import { ZipWriter } from './zip-writer.ts';

const geometries = [
  {
    name: 'identity',
    affine: [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ],
    spacing: null,
    rigid: true,
  },
  {
    name: 'flipped',
    affine: [
      [-0.9, 0, 0, 90.5],
      [0, 0.9, 0, -126.25],
      [0, 0, 3, -72],
      [0, 0, 0, 1],
    ],
    spacing: null,
    rigid: true,
  },
  {
    name: 'permuted',
    affine: [
      [0, 0, 1.2, -80],
      [-1, 0, 0, 120],
      [0, 1, 0, -100],
      [0, 0, 0, 1],
    ],
    spacing: null,
    rigid: true,
  },
  {
    name: 'half-turn',
    affine: [
      [-1, 0, 0, 10],
      [0, -1, 0, 20],
      [0, 0, 2, 30],
      [0, 0, 0, 1],
    ],
    spacing: null,
    rigid: true,
  },
  {
    name: 'oblique',
    affine: [
      [0.8660254, -0.5, 0, 1.5],
      [0.5, 0.8660254, 0, -2.5],
      [0, 0, 2.5, 3.5],
      [0, 0, 0, 1],
    ],
    spacing: null,
    rigid: true,
  },
  {
    name: 'sheared',
    affine: [
      [1, 0.3, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ],
    spacing: null,
    rigid: false,
  },
  { name: 'spacing', affine: null, spacing: [0.5, 0.75, 5] as const, rigid: false },
  { name: 'unknown', affine: null, spacing: null, rigid: false },
];

const python = (...args: readonly string[]) => runPython(process.env['BPI_TEST_PYTHON'], 'numpy_cases.py', ...args);

describe('real NumPy and nibabel', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'volumes-numpy-'));
    await python('write', folder);
    await writeFile(join(folder, 'geometries.json'), JSON.stringify(geometries));
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  it('write what we accept, and read what we write', async () => {
    const cases: { inputs: string[]; masks: string[] } = JSON.parse(await readFile(join(folder, 'cases.json'), 'utf8'));
    for (const name of cases.inputs) {
      const summary = await rebuildInput({
        sourcePath: join(folder, `${name}.npz`),
        targetPath: join(folder, `${name}.rebuilt.npz`),
        policy: testPolicy,
        geometry: NO_GEOMETRY,
      });
      expect(summary.intensity.applied).toBe(name.startsWith('normalized') ? 'x255' : 'none');
    }
    for (const name of cases.masks) await writeMask(folder, name);
    await writeZip64(join(folder, 'zip64.npz'));
    const checked: unknown = JSON.parse(await python('check', folder));
    expect(checked).toEqual({ checked: cases.inputs.length + cases.masks.length });
    expect(cases.inputs.length).toBeGreaterThan(50);
  });

  it('give one content hash for one content, however it is compressed, ordered in bytes, or pickled', async () => {
    const hashes = new Map<string, string>();
    const hashOf = async (name: string) => {
      const targetPath = join(folder, `${name}.hashed.npz`);
      const { contentSha256 } = await rebuildInput({
        sourcePath: join(folder, `${name}.npz`),
        targetPath,
        policy: testPolicy,
        geometry: NO_GEOMETRY,
      });
      hashes.set(name, contentSha256);
      return contentSha256;
    };
    expect(await hashOf('f4-little.stored')).toBe(await hashOf('f4-big.deflated'));
    expect(await hashOf('protocol-2-numpy-1')).toBe(await hashOf('protocol-5-numpy-2'));
    expect(await hashOf('u2-little.stored')).not.toBe(await hashOf('i2-little.stored'));
    expect(await hashOf('u1-little.stored')).not.toBe(await hashOf('spacing.stored'));
    expect(await hashOf('prompts.stored')).not.toBe(await hashOf('one-prompt.stored'));
  });
});

async function writeMask(folder: string, name: string): Promise<void> {
  const mask = await readMask(join(folder, `mask-${name}.npz`), {
    shape: [3, 4, 5],
    expectation: { kind: 'labels', ids: [1, 2] },
    limits: DEFAULT_MASK_LIMITS,
  });
  await writeMaskNpz(join(folder, `mask-${name}.pred.npz`), mask);
  for (const { name: geometry, affine, spacing } of geometries) {
    await writeMaskNifti(join(folder, `mask-${name}.${geometry}.nii.gz`), mask, {
      affine: affine === null ? null : checkAffine(affine),
      spacing,
    });
  }
}

/** The format for more than 4 GiB, on a small array. */
async function writeZip64(path: string): Promise<void> {
  const data = Buffer.from(Array.from({ length: 60 }, (_, index) => index * 4));
  const content = Buffer.concat([formatNpyHeader({ descr: '|u1', fortranOrder: false, shape: [3, 4, 5] }), data]);
  await createFile(path, async (handle) => {
    const zip = new ZipWriter(handle, { zip64FromBytes: 1 });
    await zip.addDeflated('segs', [content], { uncompressedBytes: content.length, level: 1 });
    await zip.addDeflated('more', [content], { uncompressedBytes: content.length, level: 1 });
    await zip.finish();
  });
  const archive = await openZip(path, DEFAULT_MASK_LIMITS);
  try {
    expect([...archive.members.keys()]).toEqual(['segs', 'more']);
  } finally {
    await archive.close();
  }
}
