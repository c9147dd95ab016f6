import { once } from 'node:events';
import { createServer } from 'node:http';

export type WireRequest = {
  /** `StopTask`, from the target header or the form's `Action`. */
  operation: string;
  /** As sent: parsed JSON, or the fields of a form. */
  input: Readonly<Record<string, unknown>>;
};

export type WireAnswer = { status?: number; type?: string; body: string };

/** A server on loopback that answers AWS's JSON and query protocols as it is told, and keeps what it was asked. */
export class WireServer {
  readonly endpoint: string;
  readonly requests: readonly WireRequest[];
  readonly close: () => Promise<void>;

  private constructor(endpoint: string, requests: readonly WireRequest[], close: () => Promise<void>) {
    this.endpoint = endpoint;
    this.requests = requests;
    this.close = close;
  }

  static async start(answer: (request: WireRequest) => WireAnswer): Promise<WireServer> {
    const requests: WireRequest[] = [];
    const server = createServer((incoming, outgoing) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (part: string) => (text += part));
      incoming.once('end', () => {
        const request = parse(String(incoming.headers['x-amz-target'] ?? ''), text);
        requests.push(request);
        const { status = 200, type = 'application/x-amz-json-1.1', body } = answer(request);
        outgoing.writeHead(status, { 'content-type': type }).end(body);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string')
      throw new Error('the server has no port: it listens on a pipe');
    return new WireServer(`http://127.0.0.1:${address.port}`, requests, async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
  }

  operations(): string[] {
    return this.requests.map(({ operation }) => operation);
  }
}

function parse(target: string, text: string): WireRequest {
  if (target !== '') return { operation: target.split('.').at(-1) ?? '', input: JSON.parse(text) };
  const { Action: operation = '', ...input } = Object.fromEntries(new URLSearchParams(text));
  return { operation, input };
}
