import { pipeline, Transform, type Readable } from 'node:stream';
import { AwsError, INCOMPLETE_BODY, isTransient } from '../aws-error.ts';

/**
 * The body of an answer, which ends well only after as many bytes as the answer announced: a connection that was cut
 * is an error to the reader, never a short object. Destroying it closes the connection.
 */
export function wholeBody(body: Readable, bytes: number): Readable {
  let seen = 0;
  const counted = new Transform({
    transform: (chunk: Uint8Array, _encoding, done) => {
      seen += chunk.length;
      done(null, chunk);
    },
    flush: (done) => done(seen === bytes ? null : bodyError(null)),
    destroy: (error, done) => done(error === null ? null : bodyError(error)),
  });
  pipeline(body, counted, () => {}); // the reader of `counted` sees the error
  return counted;
}

function bodyError(error: unknown): AwsError {
  if (error instanceof AwsError) return error;
  return new AwsError('GetObject', isTransient(error) ? error : { name: INCOMPLETE_BODY });
}
