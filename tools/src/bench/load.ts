/**
 * A load generator over bare sockets: the same request again and again on each of some connections, the next one when
 * the answer to the last is whole. It is cheaper than any HTTP client, so that the server is what is measured. Reads
 * HTTP/1.1 answers with a Content-Length, and 304, which has no body.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export type LoadPlan = {
  port: number;
  /** Whole, head and body; must keep the connection alive. The first connection sends the first, and so on. */
  requests: readonly Buffer[];
  connections: number;
  /** In all. */
  count: number;
  /** What every answer must be; any other ends the run with an error. */
  status: number;
};

export type LoadResult = { perSecond: number; latenciesMs: number[]; lastBody: string };

const HEAD_END = '\r\n\r\n';

export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const result: LoadResult = { perSecond: 0, latenciesMs: [], lastBody: '' };
  const sockets = await Promise.all(Array.from({ length: plan.connections }, () => open(plan.port)));
  let left = plan.count;
  const startedMs = performance.now();
  try {
    await Promise.all(
      sockets.map(async (socket, index) => {
        const reader = new AnswerReader(socket);
        const request = plan.requests[index % plan.requests.length] ?? Buffer.alloc(0);
        while (left > 0) {
          left -= 1;
          const sentMs = performance.now();
          socket.write(request);
          const { status, body } = await reader.next();
          result.latenciesMs.push(performance.now() - sentMs);
          if (status !== plan.status) throw new Error(`an answer was ${status} instead of ${plan.status}: ${body}`);
          result.lastBody = body;
        }
      }),
    );
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  result.perSecond = (plan.count * 1_000) / (performance.now() - startedMs);
  return result;
}

/** A GET that keeps its connection alive. */
export function getRequest(path: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const lines = Object.entries({ Host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from([`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
}

/** A POST with this body. */
export function postRequest(path: string, body: Buffer, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({ Host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}`);
  const head = [`POST ${path} HTTP/1.1`, ...lines];
  return Buffer.concat([Buffer.from([...head, `Content-Length: ${body.length}`, '', ''].join('\r\n')), body]);
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

type Answer = { status: number; body: string };

/** Whole answers from a socket, one at a time. */
class AnswerReader {
  #text = '';
  #answered: ((answer: Answer) => void) | null = null;
  #failed: ((error: Error) => void) | null = null;

  constructor(socket: Socket) {
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#text += text;
      const answer = this.#take();
      if (answer !== null) this.#answered?.(answer);
    });
    socket.once('error', (error) => this.#failed?.(error));
    socket.once('close', () => this.#failed?.(new Error('the server closed a connection that was to be kept')));
  }

  next(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
    });
  }

  #take(): Answer | null {
    const headEnd = this.#text.indexOf(HEAD_END);
    if (headEnd < 0) return null;
    const head = this.#text.slice(0, headEnd);
    const bodyStart = headEnd + HEAD_END.length;
    const bodyEnd = bodyStart + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#text.length < bodyEnd) return null;
    const answer = { status: Number(head.slice(9, 12)), body: this.#text.slice(bodyStart, bodyEnd) };
    this.#text = this.#text.slice(bodyEnd);
    return answer;
  }
}
