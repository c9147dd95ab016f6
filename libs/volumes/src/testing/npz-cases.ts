import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { IMG_DTYPES } from '../dtype.ts';
import { DEFAULT_INPUT_LIMITS } from '../input-policy.ts';
import type { InputPolicy } from '../input-policy.ts';
import { formatNpyHeader } from '../npy-header.ts';
import { pickledPrompts } from '../pickle-writer.ts';
import { VolumeError } from '../volume-error.ts';
import { rawZip } from './raw-zip.ts';
import type { RawMember } from './raw-zip.ts';

/** Everything that our reference models take. */
export const testPolicy: InputPolicy = {
  dtypes: IMG_DTYPES,
  intensity: { min: 0, max: 255, distinctMin: 3 },
  prompts: 'optional',
  limits: { ...DEFAULT_INPUT_LIMITS, imgsBytesMax: 64 * 1024 * 1024 },
};

export const testShape = [2, 3, 4] as const;

/** A header in front of data. */
export function npy(descr: string, shape: readonly number[], data: Buffer): Buffer {
  return Buffer.concat([formatNpyHeader({ descr, fortranOrder: false, shape }), data]);
}

/** A header that NumPy would not write. */
export function npyWithHeader(text: string, data: Buffer, version: readonly [number, number] = [1, 0]): Buffer {
  const header = Buffer.from(text, 'latin1');
  const length = Buffer.alloc(version[0] === 1 ? 2 : 4);
  length.writeUIntLE(header.length, 0, length.length);
  return Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Buffer.from(version), length, header, data]);
}

/** A volume of 24 voxels, 0 to 230. */
export const smallImgs = npy('|u1', testShape, Buffer.from(Array.from({ length: 24 }, (_, index) => index * 10)));

export function imgsMember(content: Buffer = smallImgs): RawMember {
  return { name: 'imgs.npy', content };
}

/** `text_prompts` around a pickle. */
export function promptsMember(pickle: Buffer): RawMember {
  return { name: 'text_prompts.npy', content: npy('|O', [], pickle) };
}

export const smallPrompts = promptsMember(
  pickledPrompts({
    labels: [
      { id: 1, prompt: 'CT imaging of the spleen' },
      { id: 17, prompt: 'Leber, groß' },
    ],
    instanceLabel: 0,
  }),
);

export function smallNpz(...more: readonly RawMember[]): Buffer {
  return rawZip({ members: [imgsMember(), ...more] });
}

export function floats(...values: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

/** A folder of its own that is gone afterwards; fails when `use` leaves more than `expected` files in it. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'volumes-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Writes `bytes`, runs `read` on the file, and says how it ended: a code, or `accepted`. Other errors pass through. */
export async function outcomeOf(
  bytes: Buffer,
  read: (sourcePath: string, targetPath: string) => Promise<unknown>,
): Promise<string> {
  return inFolder(async (folder) => {
    const source = join(folder, 'source');
    await writeFile(source, bytes);
    try {
      await read(source, join(folder, 'target'));
      return 'accepted';
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      const left = await readdir(folder);
      if (left.length !== 1) throw new Error(`a refused file left ${left.length - 1} files behind`, { cause: error });
      return error.code;
    }
  });
}
