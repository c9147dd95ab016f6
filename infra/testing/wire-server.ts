import { startWireServer } from '@bpi/adapters-aws/testing/wire-server';

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
    const server = await startWireServer((incoming, outgoing) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (part: string) => (text += part));
      incoming.once('end', () => {
        const request = parse(String(incoming.headers['x-amz-target'] ?? ''), text);
        requests.push(request);
        const { status = 200, type = 'application/x-amz-json-1.1', body } = answer(request);
        outgoing.writeHead(status, { 'content-type': type }).end(body);
      });
    });
    return new WireServer(server.endpoint, requests, server.close);
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
