import { littleEndianDescr } from './dtype.ts';
import type { Mask } from './mask.ts';
import { formatNpyHeader } from './npy-header.ts';
import { createFile } from './regular-file.ts';
import { sliceBytes } from './slice-bytes.ts';
import { ZipWriter } from './zip-writer.ts';

const MASK_DEFLATE_LEVEL = 4;

/**
 * Writes a mask as `numpy.savez_compressed(path, segs=mask)` would: one array, key `segs` (the challenge's convention),
 * shape (z, y, x), uint8, or uint16 for instances. Loads without pickle. Equal masks give equal bytes.
 * The file must not exist; it is gone again when writing fails.
 */
export async function writeMaskNpz(path: string, mask: Mask, signal?: AbortSignal): Promise<void> {
  const dtype = mask.data instanceof Uint8Array ? 'uint8' : 'uint16';
  const header = formatNpyHeader({ descr: littleEndianDescr(dtype), fortranOrder: false, shape: mask.shape });
  const content = function* () {
    yield header;
    yield* sliceBytes(mask.data, signal);
  };
  await createFile(path, async (handle) => {
    const zip = new ZipWriter(handle);
    const uncompressedBytes = header.length + mask.data.byteLength;
    await zip.addDeflated('segs', content(), { uncompressedBytes, level: MASK_DEFLATE_LEVEL });
    await zip.finish();
  });
}
