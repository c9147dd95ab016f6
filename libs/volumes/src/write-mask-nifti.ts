import { Readable, pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';

import type { Mask } from './mask.ts';
import { niftiHeader } from './nifti-header.ts';
import type { MaskGeometry } from './nifti-header.ts';
import { createFile, writeFully } from './regular-file.ts';
import { sliceBytes } from './slice-bytes.ts';

const NIFTI_GZIP_LEVEL = 4;
const GZIP_CHUNK_BYTES = 256 * 1024;

/**
 * Writes a mask as `.nii.gz` (NIfTI-1, uint8 or uint16). Equal masks give equal bytes: zlib writes neither a name nor a
 * time. The mask's C order (z, y, x) already is NIfTI's order, x fastest.
 * The file must not exist; it is gone again when writing fails.
 */
export async function writeMaskNifti(
  path: string,
  mask: Mask,
  geometry: MaskGeometry,
  signal?: AbortSignal,
): Promise<void> {
  const header = niftiHeader(mask.shape, mask.data instanceof Uint8Array ? 'uint8' : 'uint16', geometry);
  const content = function* () {
    yield header;
    yield* sliceBytes(mask.data, signal);
  };
  await createFile(path, async (handle) => {
    const gzip = createGzip({ level: NIFTI_GZIP_LEVEL, chunkSize: GZIP_CHUNK_BYTES });
    // Errors of the source arrive through the iteration below.
    pipeline(Readable.from(content(), { highWaterMark: 1 }), gzip, () => undefined);
    let position = 0;
    for await (const chunk of gzip) {
      const bytes: Buffer = chunk;
      await writeFully(handle, bytes, position);
      position += bytes.length;
    }
  });
}
