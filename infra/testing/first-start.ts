import { spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Surroundings } from '../constructs/compute/gpu-user-data.ts';

/** What the stand-in for S3 does with the n-th request for an object, from 0. */
export type Answer = { status: number; body: string };

const KEYS = { AccessKeyId: 'AKIDTEST', SecretAccessKey: 'secret/of+the=machine', Token: 'token-of-the-role' };
const METADATA_TOKEN = 'metadata-token';
const ROLE_FOLDER = '/latest/meta-data/iam/security-credentials/';
const SIGNED =
  /^AWS4-HMAC-SHA256 Credential=AKIDTEST\/(\d{8}\/[a-z0-9-]+\/s3\/aws4_request), SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;

/** A machine in a folder of its own, with stand-ins for its metadata service, S3 and the power switch. */
export class FirstStart {
  readonly root = mkdtempSync(join(tmpdir(), 'bpi-first-start-'));
  readonly agentConfig = join(this.root, 'ecs.config');
  readonly weightsFolder = join(this.root, 'weights');
  /** Keys of the objects that were asked for, in order. */
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #answer: (key: string, n: number) => Answer;

  constructor(answer: (key: string, n: number) => Answer) {
    this.#answer = answer;
    this.#server = createServer((request, response) => this.#serve(request, response));
    mkdirSync(this.weightsFolder);
  }

  async surroundings(): Promise<Surroundings> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const { port } = this.#server.address() as AddressInfo; // a TCP server
    return {
      metadataUrl: `http://127.0.0.1:${port}`,
      storeUrl: `http://127.0.0.1:${port}`,
      weightsFolder: this.weightsFolder,
      agentConfig: this.agentConfig,
      console: join(this.root, 'console'),
      powerOff: ['/bin/sh', '-c', `touch '${join(this.root, 'off')}'`],
      waitsS: [0, 0],
    };
  }

  /** Runs the script as cloud-init would, as a file of its own. */
  async run(script: string): Promise<{ exitCode: number | null; output: string }> {
    const file = join(this.root, 'user-data');
    writeFileSync(file, script, { mode: 0o700 });
    const child = spawn('python3', [file], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    return { exitCode, output };
  }

  /** Contents of a file below the machine's folder; null if there is none. */
  read(path: string): string | null {
    try {
      return readFileSync(join(this.root, path), 'utf8');
    } catch {
      return null;
    }
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.root, { recursive: true });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { status, body } = this.#answerTo(request);
    response.writeHead(status).end(body);
  }

  #answerTo(request: IncomingMessage): Answer {
    const path = request.url ?? '';
    if (path === '/latest/api/token') return { status: request.method === 'PUT' ? 200 : 405, body: METADATA_TOKEN };
    if (path.startsWith('/latest/')) {
      if (request.headers['x-aws-ec2-metadata-token'] !== METADATA_TOKEN) return { status: 401, body: '' };
      return { status: 200, body: path === ROLE_FOLDER ? 'gpu-machine' : JSON.stringify(KEYS) };
    }
    const key = path.slice(1);
    const n = this.asked.filter((asked) => asked === key).length;
    this.asked.push(key);
    return isSigned(request) ? this.#answer(key, n) : { status: 403, body: 'SignatureDoesNotMatch' };
  }
}

/** As S3 checks it: "Authenticating Requests: Using the Authorization Header" (Amazon S3 API Reference). */
function isSigned({ method, url, headers }: IncomingMessage): boolean {
  const [, scope, names, signature] = SIGNED.exec(headers.authorization ?? '') ?? [];
  if (scope === undefined || names === undefined) return false;
  const demanded = ['host', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token'];
  if (headers['x-amz-security-token'] !== KEYS.Token || names !== demanded.join(';')) return false;
  const lines = demanded.map((name) => `${name}:${String(headers[name])}\n`);
  const canonical = [method, url, '', lines.join(''), names, headers['x-amz-content-sha256']].join('\n');
  const hashed = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hashed].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${KEYS.SecretAccessKey}`);
  return hmac(key, text).toString('hex') === signature;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
