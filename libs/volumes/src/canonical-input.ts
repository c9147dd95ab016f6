import type { ImgDtype } from './dtype.ts';
import { DEFAULT_INPUT_LIMITS } from './input-policy.ts';
import { readNpyHead, withNpyMember } from './npy-reader.ts';
import type { NpyStream } from './npy-reader.ts';
import type { Prompts } from './prompts.ts';
import { readPrompts, readSpacing } from './small-members.ts';
import type { Spacing } from './spacing.ts';
import { VolumeError } from './volume-error.ts';
import type { Shape3 } from './volume-geometry.ts';
import { parseVolumeHeader } from './volume-header.ts';
import type { VolumeHeader } from './volume-header.ts';
import { openZip } from './zip-reader.ts';
import type { ZipArchive, ZipMember } from './zip-reader.ts';

/** The head of a file that `rebuildInput` wrote. */
export type CanonicalInput = {
  readonly shape: Shape3;
  readonly dtype: ImgDtype;
  readonly fortranOrder: boolean;
  readonly spacing: Spacing | null;
  readonly prompts: Prompts | null;
};

/** Our own files are bounded by the policy that made them; these only keep a foreign file from doing harm. */
const CANONICAL_LIMITS = {
  ...DEFAULT_INPUT_LIMITS,
  fileBytesMax: 64 * 1024 ** 3,
  imgsBytesMax: 64 * 1024 ** 3,
  voxelsMax: 64 * 1024 ** 3,
  dimMax: 65_535,
  promptCountMax: 255,
  promptCharsMax: 100_000,
} as const;

/**
 * Reads shape, type, spacing and prompts; the voxels stay unread.
 * Rejects with `VolumeError` when the file is not one of ours.
 */
export async function readCanonicalInput(path: string): Promise<CanonicalInput> {
  return withCanonicalInput(path, async (archive) => {
    const prompts = await readPrompts(archive, CANONICAL_LIMITS);
    const spacing = await readSpacing(archive);
    const { header, dataBytes } = await readNpyHead(archive, imgsMember(archive));
    const { shape, type, fortranOrder } = parseVolumeHeader(header, dataBytes, CANONICAL_LIMITS);
    return { shape, dtype: type.dtype, fortranOrder, spacing, prompts };
  });
}

export async function withCanonicalInput<T>(path: string, use: (archive: ZipArchive) => Promise<T>): Promise<T> {
  const archive = await openZip(path, CANONICAL_LIMITS);
  try {
    return await use(archive);
  } finally {
    await archive.close();
  }
}

function imgsMember(archive: ZipArchive): ZipMember {
  const member = archive.members.get('imgs');
  if (member === undefined) throw new VolumeError('missing_member');
  return member;
}

/** Opens `imgs`; `use` reads its data. */
export async function withVolume<T>(
  archive: ZipArchive,
  use: (volume: VolumeHeader, npy: NpyStream) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return withNpyMember(
    archive,
    imgsMember(archive),
    (npy) => use(parseVolumeHeader(npy.header, npy.dataBytes, CANONICAL_LIMITS), npy),
    signal,
  );
}
