import type { IncomingMessage } from 'node:http';

const BODY_BYTES_MAX = 2 * 1024 * 1024;

/** The whole body as text; null if it is larger than any ECS request. */
export async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
