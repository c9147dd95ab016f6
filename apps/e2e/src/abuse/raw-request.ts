/** A request on a bare socket: what no well-behaved client sends, and how it was answered. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const BOUNDARY = 'abuse-boundary';
export const FILE_HEAD = Buffer.from(
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.npz"\r\n\r\n`,
);
export const BODY_END = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);

/** The head of a submission, up to its blank line. */
export function inferHead(key: string, lines: readonly string[]): Buffer {
  const type = `Content-Type: multipart/form-data; boundary=${BOUNDARY}`;
  const head = ['POST /infer HTTP/1.1', 'Host: 127.0.0.1', `Authorization: Bearer ${key}`, type, ...lines, '', ''];
  return Buffer.from(head.join('\r\n'));
}

export class RawRequest {
  readonly #socket: Socket;
  #received = '';
  /** `202`, or status and code of a problem, such as `413 too_large`; `closed` if there was no answer. */
  readonly answer: Promise<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.answer = new Promise((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        this.#received += chunk.toString('latin1');
        const answered = answerIn(this.#received);
        if (answered !== null) resolve(answered);
      });
      socket.on('error', () => {}); // a reset is one of the ways in which the other side may end it
      socket.once('close', () => resolve(answerIn(this.#received) ?? 'closed'));
    });
  }

  static async open(port: number): Promise<RawRequest> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const request = new RawRequest(socket);
    await Promise.race([once(socket, 'connect'), request.answer]);
    return request;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  /** Resolves when there is room for more, or nobody takes it any more. */
  async send(data: Buffer): Promise<void> {
    if (!this.isOpen || this.#socket.write(data)) return;
    await Promise.race([once(this.#socket, 'drain').catch(() => undefined), this.answer]);
  }

  close(): void {
    this.#socket.destroy();
  }
}

function answerIn(received: string): string | null {
  const status = /^HTTP\/1\.1 ([2-5]\d\d) /.exec(received)?.[1];
  if (status === undefined) return null;
  if (status.startsWith('2')) return status;
  const code = /"code":"(\w+)"/.exec(received)?.[1];
  // A problem is told apart by its code, which comes in the body; some answers of the server itself have none.
  if (code === undefined && !/content-length: 0\r\n/i.test(received)) return null;
  return [status, code].filter((part) => part !== undefined).join(' ');
}
