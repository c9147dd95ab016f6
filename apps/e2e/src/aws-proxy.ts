/** Between the platform's processes and the services they call: passes everything on, or what a test makes of it. */
import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export type ProxiedCall = {
  asked: IncomingMessage;
  answer: ServerResponse;
  /** Sends the call on as it came; resolves when the service begins to answer. */
  pass: () => Promise<IncomingMessage>;
};

const LOOPBACK = '127.0.0.1';

export class AwsProxy {
  readonly #handle: (call: ProxiedCall) => Promise<void>;
  readonly #servers: Server[] = [];
  readonly #agent = new Agent({ keepAlive: true });

  constructor(handle: (call: ProxiedCall) => Promise<void>) {
    this.#handle = handle;
  }

  /** For `AwsPlatformOptions.through`: an address in front of each service. */
  readonly through = async (services: { aws: string; ecs: string }): Promise<{ aws: string; ecs: string }> => ({
    aws: await this.#listen(services.aws),
    ecs: await this.#listen(services.ecs),
  });

  async close(): Promise<void> {
    this.#agent.destroy();
    for (const server of this.#servers) {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    }
  }

  async #listen(service: string): Promise<string> {
    const { hostname: host, port } = new URL(service);
    const server = createServer({ requestTimeout: 0 }, (asked, answer) => {
      const pass = () => this.#pass(asked, answer, { host, port });
      this.#handle({ asked, answer, pass }).catch(() => answer.destroy());
    });
    this.#servers.push(server);
    server.listen(0, LOOPBACK);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port: it listens on a pipe');
    return `http://${LOOPBACK}:${address.port}`;
  }

  /** Every header as it came, Host too: it is part of what was signed. */
  async #pass(asked: IncomingMessage, answer: ServerResponse, to: { host: string; port: string }) {
    const { method, url: path, headers } = asked;
    const passed = request({ ...to, method, path, headers, agent: this.#agent });
    // A caller that hangs up must not leave a long poll behind that would swallow messages.
    answer.once('close', () => {
      if (!answer.writableFinished) passed.destroy();
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
    const [answered] = (await once(passed, 'response')) as [IncomingMessage]; // as `http` has it
    return answered;
  }
}

export function answerWith(answer: ServerResponse, answered: IncomingMessage): void {
  answer.writeHead(answered.statusCode ?? 502, answered.headers);
  answered.on('error', () => answer.destroy());
  answered.pipe(answer);
}

const TARGETS: readonly [prefix: string, service: string][] = [
  ['DynamoDB_20120810.', 'dynamodb'],
  ['AmazonSQS.', 'sqs'],
  ['AmazonEC2ContainerServiceV20141113.', 'ecs'],
];

/** The operation of a call, such as `s3:CopyObject`; `autoscaling` has only its service here. */
export function operationOf({ method = '', url = '', headers }: IncomingMessage): string {
  const target = headers['x-amz-target'];
  for (const [prefix, service] of TARGETS) {
    if (typeof target === 'string' && target.startsWith(prefix)) return `${service}:${target.slice(prefix.length)}`;
  }
  if (headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true) return 'autoscaling';
  const asks = new URL(url, 'http://s3').searchParams;
  return `s3:${s3Operation(method, asks, headers['x-amz-copy-source'] !== undefined)}`;
}

/** The S3 API reference tells operations apart by method and query. */
function s3Operation(method: string, asks: URLSearchParams, copies: boolean): string {
  const ofUpload = asks.has('uploadId');
  switch (method) {
    case 'PUT':
      return copies ? 'CopyObject' : ofUpload ? 'UploadPart' : 'PutObject';
    case 'POST':
      if (asks.has('delete')) return 'DeleteObjects';
      return ofUpload ? 'CompleteMultipartUpload' : 'CreateMultipartUpload';
    case 'DELETE':
      return ofUpload ? 'AbortMultipartUpload' : 'DeleteObject';
    case 'HEAD':
      return 'HeadObject';
    default:
      return asks.has('list-type') ? 'ListObjectsV2' : 'GetObject';
  }
}
