import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

import { arrayBlocks, viewBlock } from './array-blocks.ts';
import { littleEndianDescr } from './dtype.ts';
import type { ImgDtype } from './dtype.ts';
import type { InputPolicy } from './input-policy.ts';
import { IntensityScan, judgeIntensity, NORMALIZED_SCALE } from './intensity.ts';
import type { IntensityChange, IntensityRange } from './intensity.ts';
import { formatNpyHeader } from './npy-header.ts';
import { withNpyMember } from './npy-reader.ts';
import { pickledPrompts } from './pickle-writer.ts';
import type { Prompts } from './prompts.ts';
import { createFile, lendRange } from './regular-file.ts';
import { readPrompts, readSpacing } from './small-members.ts';
import { settleSpacing, type InputGeometry } from './settle-spacing.ts';
import type { Spacing } from './spacing.ts';
import { VolumeError } from './volume-error.ts';
import { voxelCount } from './volume-geometry.ts';
import type { Shape3 } from './volume-geometry.ts';
import { parseVolumeHeader } from './volume-header.ts';
import type { VolumeHeader } from './volume-header.ts';
import { openZip } from './zip-reader.ts';
import type { ZipArchive, ZipMember } from './zip-reader.ts';
import { ZipWriter } from './zip-writer.ts';

export const VOLUME_WARNINGS = ['intensity_scaled', 'spacing_missing', 'spacing_differs_from_affine'] as const;
export type VolumeWarning = (typeof VOLUME_WARNINGS)[number];

/** What was found in the client's file and written to the canonical one. */
export type InputSummary = {
  readonly shape: Shape3;
  readonly dtype: ImgDtype;
  readonly fortranOrder: boolean;
  /** (x, y, z) in mm, whatever order the client used; from the affine where there is one. Null = unknown. */
  readonly spacingMm: Spacing | null;
  readonly prompts: Prompts | null;
  readonly intensity: {
    readonly received: { readonly dtype: ImgDtype; readonly min: number; readonly max: number };
    readonly applied: IntensityChange;
  };
  /** Size and SHA-256 (hex) of the file that was written. */
  readonly bytes: number;
  readonly sha256: string;
  /** SHA-256 (hex) of what the client sent, apart from compression, byte order and NumPy's version. */
  readonly contentSha256: string;
  readonly warnings: readonly VolumeWarning[];
};

export type RebuildInputArgs = {
  readonly sourcePath: string;
  /** Must not exist yet. Removed again when anything fails. */
  readonly targetPath: string;
  readonly policy: InputPolicy;
  readonly geometry: InputGeometry;
  readonly signal?: AbortSignal;
};

/** Room for a header within the declared size of `imgs`: prefix and text of the longest one that is read. */
const NPY_HEADER_BYTES_MAX = 4096 + 12;
/** Scaled volumes are compressed once and read once: speed counts more than size. */
const VOLUME_DEFLATE_LEVEL = 1;
const SMALL_DEFLATE_LEVEL = 9;
/** Part of the hashed description, so that a change of it never makes two different contents equal. */
const CONTENT_HASH_VERSION = 1;

/**
 * Checks a client's NPZ file and writes a new one from what was understood; the original is never passed on.
 *
 * The new file holds `imgs`, `text_prompts` if given and `spacing` (x, y, z) if known; everything else is dropped unread.
 * The first pass reads and checks all of `imgs`; the second copies its checked bytes, or scales them when the volume
 * was normalized to [0, 1]. Memory does not grow with the volume.
 *
 * Rejects with `VolumeError` for everything that is wrong with the file, and with the signal's reason when aborted.
 */
export async function rebuildInput(args: RebuildInputArgs): Promise<InputSummary> {
  const { policy, signal } = args;
  const archive = await openZip(args.sourcePath, {
    fileBytesMax: policy.limits.uploadBytesMax,
    membersMax: policy.limits.membersMax,
  });
  try {
    const source = await checkInput(archive, args);
    const file = await createFile(args.targetPath, (handle) => writeCanonical({ handle, archive, source, signal }));
    return summarize(source, file);
  } finally {
    await archive.close();
  }
}

type CheckedInput = {
  readonly member: ZipMember;
  readonly volume: VolumeHeader;
  readonly range: IntensityRange;
  readonly applied: IntensityChange;
  readonly prompts: Prompts | null;
  readonly spacingMm: Spacing | null;
  readonly spacingDiffers: boolean;
  readonly contentSha256: string;
};

async function checkInput(archive: ZipArchive, args: RebuildInputArgs): Promise<CheckedInput> {
  const { policy, signal } = args;
  const member = archive.members.get('imgs');
  if (member === undefined) throw new VolumeError('missing_member');
  if (member.uncompressedBytes > policy.limits.imgsBytesMax + NPY_HEADER_BYTES_MAX) throw new VolumeError('too_large');
  // The small members first: a wrong prompt is found without reading a gigabyte.
  const prompts = await readPrompts(archive, policy.limits);
  if (prompts === null && policy.prompts === 'required') throw new VolumeError('prompts_required');
  const spacing = await readSpacing(archive);

  const scan = new IntensityScan(policy.intensity.distinctMin);
  const hash = createHash('sha256');
  const volume = await withNpyMember(
    archive,
    member,
    async (npy) => {
      const found = parseVolumeHeader(npy.header, npy.dataBytes, policy.limits);
      if (!policy.dtypes.includes(found.type.dtype)) throw new VolumeError('dtype_unsupported');
      hash.update(contentDescription(found, prompts, spacing));
      for await (const { bytes } of arrayBlocks(npy.data, found.type, voxelCount(found.shape))) {
        scan.add(viewBlock(bytes, found.type.dtype));
        hash.update(bytes);
      }
      return found;
    },
    signal,
  );
  const judged = judgeIntensity(scan, volume.type.dtype, policy.intensity);
  const { spacingMm, differs } = settleSpacing(spacing, args.geometry);
  return { member, volume, ...judged, prompts, spacingMm, spacingDiffers: differs, contentSha256: hash.digest('hex') };
}

/** One line of JSON in front of the little-endian voxels. */
function contentDescription(volume: VolumeHeader, prompts: Prompts | null, spacing: Spacing | null): string {
  const { shape, type, fortranOrder } = volume;
  const description = [CONTENT_HASH_VERSION, type.dtype, shape, fortranOrder, prompts, spacing];
  return `${JSON.stringify(description)}\n`;
}

async function writeCanonical(args: {
  readonly handle: FileHandle;
  readonly archive: ZipArchive;
  readonly source: CheckedInput;
  readonly signal: AbortSignal | undefined;
}): Promise<{ bytes: number; sha256: string }> {
  const { handle, archive, source, signal } = args;
  const zip = new ZipWriter(handle);
  if (source.applied === 'none') {
    await zip.addCompressed('imgs', archive.lendCompressed(source.member, signal), source.member);
  } else {
    await addScaledVolume(zip, archive, source, signal);
  }
  if (source.prompts !== null) await zip.addSmall('text_prompts', promptsNpy(source.prompts), SMALL_DEFLATE_LEVEL);
  if (source.spacingMm !== null) await zip.addSmall('spacing', spacingNpy(source.spacingMm), SMALL_DEFLATE_LEVEL);
  const { bytes, sha256 } = await zip.finish();
  return { bytes, sha256: sha256 ?? (await sha256Of(handle, bytes, signal)) };
}

async function addScaledVolume(
  zip: ZipWriter,
  archive: ZipArchive,
  source: CheckedInput,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { shape, type, fortranOrder } = source.volume;
  const header = formatNpyHeader({ descr: littleEndianDescr(type.dtype), fortranOrder, shape });
  const uncompressedBytes = header.length + voxelCount(shape) * type.itemBytes;
  await withNpyMember(
    archive,
    source.member,
    async (npy) => {
      const content = async function* () {
        yield header;
        for await (const { bytes } of arrayBlocks(npy.data, type, voxelCount(shape))) {
          // A copy: the block is filled anew while the compressor still works on what it got.
          const scaled = Buffer.from(bytes);
          scaleInPlace(viewBlock(scaled, type.dtype));
          yield scaled;
        }
      };
      await zip.addDeflated('imgs', content(), { uncompressedBytes, level: VOLUME_DEFLATE_LEVEL });
    },
    signal,
  );
}

function scaleInPlace(values: { [index: number]: number; readonly length: number }): void {
  for (let index = 0; index < values.length; index += 1) {
    values[index] = (values[index] ?? 0) * NORMALIZED_SCALE;
  }
}

function promptsNpy(prompts: Prompts): Buffer {
  const header = formatNpyHeader({ descr: '|O', fortranOrder: false, shape: [] });
  return Buffer.concat([header, pickledPrompts(prompts)]);
}

function spacingNpy(spacing: Spacing): Buffer {
  const data = Buffer.alloc(8 * spacing.length);
  spacing.forEach((value, index) => data.writeDoubleLE(value, 8 * index));
  return Buffer.concat([formatNpyHeader({ descr: '<f8', fortranOrder: false, shape: [spacing.length] }), data]);
}

async function sha256Of(handle: FileHandle, bytes: number, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of lendRange(handle, { start: 0, length: bytes }, signal)) hash.update(chunk);
  return hash.digest('hex');
}

function summarize(source: CheckedInput, file: { readonly bytes: number; readonly sha256: string }): InputSummary {
  const { volume, range, applied, prompts, spacingMm, contentSha256 } = source;
  const warnings: VolumeWarning[] = [];
  if (applied === 'x255') warnings.push('intensity_scaled');
  if (spacingMm === null) warnings.push('spacing_missing');
  if (source.spacingDiffers) warnings.push('spacing_differs_from_affine');
  return {
    shape: volume.shape,
    dtype: volume.type.dtype,
    fortranOrder: volume.fortranOrder,
    spacingMm,
    prompts,
    intensity: { received: { dtype: volume.type.dtype, ...range }, applied },
    ...file,
    contentSha256,
    warnings,
  };
}
