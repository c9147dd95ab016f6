import type { IncomingHttpHeaders } from 'node:http';
import { idempotencyKeySchema } from '@bpi/job-contract';
import { ProblemError } from '../http/problem-error.ts';

/** Room for the boundaries and text fields around the file. */
export const MULTIPART_OVERHEAD_BYTES_MAX = 64 * 1024;

export type UploadHead = {
  idempotencyKey: string | null;
  /** As declared; null for a chunked body, which is counted as it comes. */
  bodyBytes: number | null;
};

/** Everything that can be refused before the body is read. @throws ProblemError */
export function checkUploadHead(headers: IncomingHttpHeaders, uploadBytesMax: number): UploadHead {
  const type = headers['content-type'] ?? '';
  if (!/^multipart\/form-data\s*;.*boundary=/i.test(type)) throw new ProblemError('content_type');
  return { idempotencyKey: idempotencyKeyOf(headers), bodyBytes: bodyBytesOf(headers, uploadBytesMax) };
}

function idempotencyKeyOf(headers: IncomingHttpHeaders): string | null {
  const key = headers['idempotency-key'];
  if (key === undefined) return null;
  const parsed = idempotencyKeySchema.safeParse(key);
  if (!parsed.success) throw new ProblemError('idempotency_key_invalid');
  return parsed.data;
}

function bodyBytesOf(headers: IncomingHttpHeaders, uploadBytesMax: number): number | null {
  const length = headers['content-length'];
  if (length === undefined) {
    if (headers['transfer-encoding'] === undefined) throw new ProblemError('length_required');
    return null;
  }
  const bytes = Number(length);
  if (bytes > uploadBytesMax + MULTIPART_OVERHEAD_BYTES_MAX) throw new ProblemError('too_large');
  return bytes;
}
