import { Transform, type TransformCallback } from 'node:stream';
import { ProblemError } from '../http/problem-error.ts';

export type MeterLimits = {
  bodyBytesMax: number;
  /** At least `stallBytes` must pass in every `stallMs`. */
  stallMs: number;
  stallBytes: number;
};

/**
 * The body on its way from the socket to the multipart parser: refuses what is too long (a chunked body declares no
 * length) or too slow. A stream of its own between the two, so that giving up the parser does not close the socket
 * on which the refusal must still be written.
 */
export class UploadMeter extends Transform {
  readonly #bodyBytesMax: number;
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;

  constructor(limits: MeterLimits) {
    super();
    this.#bodyBytesMax = limits.bodyBytesMax;
    let seenBytes = 0;
    this.#timer = setInterval(() => {
      // A parser that is busy (a slow disk) holds the stream up itself: that is no fault of the client.
      const isHeldUp = this.readableLength >= this.readableHighWaterMark;
      if (this.#bytes - seenBytes < limits.stallBytes && !isHeldUp) this.destroy(new ProblemError('upload_too_slow'));
      seenBytes = this.#bytes;
    }, limits.stallMs);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bodyBytesMax) callback(new ProblemError('too_large'));
    else callback(null, chunk);
  }

  override _flush(callback: TransformCallback): void {
    clearInterval(this.#timer);
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearInterval(this.#timer);
    callback(error);
  }
}
