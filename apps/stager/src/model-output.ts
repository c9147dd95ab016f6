import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { LIMITS, MODEL_FILES } from '@bpi/job-contract';
import type { JobFile, ModelManifest } from '@bpi/job-contract';
import { readMask, type Mask } from '@bpi/volumes';
import { instancesAsked, labelsAsked } from './metadata.ts';

/** A model ended well and left no mask under any of the names a mask may have. */
export class MaskMissing extends Error {
  override readonly name = 'MaskMissing';
  constructor() {
    super(`the model wrote none of ${MODEL_FILES.masks.join(', ')}`);
  }
}

/**
 * The model's mask, as untrusted as an upload and read by the same code: no links, no pickles, the input's shape,
 * and no label that was not asked for. Throws MaskMissing or VolumeError.
 */
export async function readModelMask(outputs: string, jobFile: JobFile, manifest: ModelManifest): Promise<Mask> {
  return readMask(await findMask(outputs), {
    shape: jobFile.input.shape,
    expectation: instancesAsked(jobFile, manifest)
      ? { kind: 'instances' }
      : { kind: 'labels', ids: labelsAsked(jobFile, manifest).map(({ id }) => id) },
    limits: { fileBytesMax: LIMITS.outputBytesMax, membersMax: LIMITS.npzMembersMax },
  });
}

async function findMask(outputs: string): Promise<string> {
  for (const name of MODEL_FILES.masks) {
    const path = join(outputs, name);
    // lstat, so that a link counts as found here and is refused when it is opened.
    if ((await lstat(path).catch(() => null)) !== null) return path;
  }
  throw new MaskMissing();
}
