/** Each chunk of a container's output has 8 bytes before it: the stream, three zeros, the length (big-endian). */
const HEADER_BYTES = 8;
const STDERR = 2;

type Frame = { stream: 'stdout' | 'stderr'; bytes: Buffer };

/**
 * stdout and stderr in the order the engine saw them, without its frames. Above `bytesMax` in all, each stream keeps
 * the newest half of that: the reason for a failure stands at the end of stderr, and a flood on stdout must not push it
 * out (the engine reads both streams side by side, so their order is only roughly the model's).
 * Format: Docker Engine API v1.41, "Attach to a container", stream format.
 */
export function unframeLogs(framed: Buffer, bytesMax: number): Buffer {
  const frames = framesOf(framed);
  const total = frames.reduce((bytes, frame) => bytes + frame.bytes.length, 0);
  if (total <= bytesMax) return Buffer.concat(frames.map(({ bytes }) => bytes));
  const left = { stdout: Math.floor(bytesMax / 2), stderr: Math.floor(bytesMax / 2) };
  const kept: Buffer[] = [];
  for (const { stream, bytes } of frames.reverse()) {
    const taken = bytes.subarray(bytes.length - Math.min(bytes.length, left[stream]));
    left[stream] -= taken.length;
    kept.push(taken);
  }
  return Buffer.concat(kept.reverse());
}

/** A frame that is cut off is used as far as it goes. */
function framesOf(framed: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= framed.length) {
    const start = at + HEADER_BYTES;
    const end = start + framed.readUInt32BE(at + 4);
    frames.push({ stream: framed[at] === STDERR ? 'stderr' : 'stdout', bytes: framed.subarray(start, end) });
    at = end;
  }
  return frames;
}
