/** What a compressor gets at once. */
const SLICE_BYTES = 1024 * 1024;

/** The bytes of a typed array in host order (little-endian wherever Node runs), without copying. */
export function* sliceBytes(data: Uint8Array | Uint16Array, signal?: AbortSignal): Generator<Buffer, void, undefined> {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  for (let start = 0; start < bytes.length; start += SLICE_BYTES) {
    signal?.throwIfAborted();
    yield bytes.subarray(start, start + SLICE_BYTES);
  }
}
