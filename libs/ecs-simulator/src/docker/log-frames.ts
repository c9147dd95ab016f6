/** Each chunk of a container's output has 8 bytes before it: the stream, three zeros, the length (big-endian). */
const HEADER_BYTES = 8;

/**
 * stdout and stderr in the order the engine saw them, without its frames.
 * Format: Docker Engine API v1.41, "Attach to a container", stream format.
 */
export function unframeLogs(framed: Buffer): string {
  const chunks: Buffer[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= framed.length) {
    const start = at + HEADER_BYTES;
    at = start + framed.readUInt32BE(at + 4);
    chunks.push(framed.subarray(start, at)); // one that is cut off is used as far as it goes
  }
  return Buffer.concat(chunks).toString('utf8');
}
