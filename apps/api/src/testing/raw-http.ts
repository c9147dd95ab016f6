import { connect, type Socket } from 'node:net';

/** One connection on which a test sends what no well-behaved client would. */
export class RawConnection {
  readonly #socket: Socket;
  #received = '';
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1');
    });
    socket.on('close', () => {
      this.#isClosed = true;
    });
    socket.on('error', () => {}); // a reset is one of the ways in which the other side may end it
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawConnection(socket);
  }

  send(data: string | Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(data);
  }

  /** Everything that came so far. */
  get received(): string {
    return this.#received;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  abort(): void {
    this.#socket.destroy();
  }
}

export const BOUNDARY = 'raw-test-boundary';

/** The head of a request; `lines` without the final blank line. */
export function head(method: string, path: string, lines: readonly string[] = []): string {
  return [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...lines, '', ''].join('\r\n');
}

export function inferHead(lines: readonly string[]): string {
  return head('POST', '/infer', [`Content-Type: multipart/form-data; boundary=${BOUNDARY}`, ...lines]);
}

export const FILE_PART_HEAD = [
  `--${BOUNDARY}`,
  'Content-Disposition: form-data; name="file"; filename="a.npz"',
  'Content-Type: application/octet-stream',
  '',
  '',
].join('\r\n');

export const BODY_END = `\r\n--${BOUNDARY}--\r\n`;

export function chunk(data: string): string {
  return `${data.length.toString(16)}\r\n${data}\r\n`;
}
