import type { InputLimits } from './input-policy.ts';
import { readSmallNpy } from './npy-reader.ts';
import { parsePrompts } from './prompts.ts';
import type { Prompts } from './prompts.ts';
import { parseSpacing } from './spacing.ts';
import type { Spacing } from './spacing.ts';
import { VolumeError } from './volume-error.ts';
import type { ZipArchive } from './zip-reader.ts';

/** Three numbers and the longest header. */
const SPACING_BYTES_MAX = 8 * 1024;

/** `text_prompts` of an input, or null when there are none. */
export async function readPrompts(
  archive: ZipArchive,
  limits: Pick<InputLimits, 'promptsBytesMax' | 'promptCountMax' | 'promptCharsMax'>,
): Promise<Prompts | null> {
  const member = archive.members.get('text_prompts');
  if (member === undefined) return null;
  if (member.uncompressedBytes > limits.promptsBytesMax) throw new VolumeError('too_large');
  return parsePrompts(await readSmallNpy(archive, member), limits);
}

/** `spacing` of an input, or null when there is none. */
export async function readSpacing(archive: ZipArchive): Promise<Spacing | null> {
  const member = archive.members.get('spacing');
  if (member === undefined) return null;
  if (member.uncompressedBytes > SPACING_BYTES_MAX) throw new VolumeError('spacing_invalid');
  return parseSpacing(await readSmallNpy(archive, member));
}
