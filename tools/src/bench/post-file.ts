import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { request } from 'node:http';
import { pipeline } from 'node:stream/promises';

const BOUNDARY = 'bench-6e0d6a7c2f';
/** Few system calls, so that the client costs the server little of the machine. */
const READ_BYTES = 1024 * 1024;

/** A multipart body with these text fields and a file between its two parts. */
export function multipartAround(fields: Readonly<Record<string, string>>): { head: Buffer; tail: Buffer } {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const file =
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="input.npz"\r\n` +
    'Content-Type: application/octet-stream\r\n\r\n';
  return { head: Buffer.from(parts.join('') + file), tail: Buffer.from(`\r\n--${BOUNDARY}--\r\n`) };
}

export const MULTIPART_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

/** Sends a file from disk as a browser or a backend would, and reads the answer. Throws if its status is another. */
export async function postFile(
  url: string,
  path: string,
  how: { status: number; fields?: Readonly<Record<string, string>> },
): Promise<string> {
  const { head, tail } = multipartAround(how.fields ?? {});
  const { size } = await stat(path);
  const sending = request(url, {
    method: 'POST',
    headers: { 'Content-Type': MULTIPART_TYPE, 'Content-Length': head.length + size + tail.length },
  });
  const answered = new Promise<{ status: number; body: string }>((resolve, reject) => {
    sending.once('error', reject);
    sending.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
  });
  const content = async function* () {
    yield head;
    yield* createReadStream(path, { highWaterMark: READ_BYTES });
    yield tail;
  };
  const [{ status, body }] = await Promise.all([answered, pipeline(content(), sending)]);
  if (status !== how.status) throw new Error(`POST ${new URL(url).pathname} answered ${status}: ${body.slice(0, 300)}`);
  return body;
}
