import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { SupervisedChild } from './child.ts';
import { freePort } from './free-port.ts';

export type PlatformOptions = {
  repoRoot: string;
  dataDir: string;
  /** 0 = any free port. */
  port: number;
  modelsDirs: string[];
  dockerSocket: string;
  /** For tests: another program than the API's bundle. */
  apiEntry?: string;
  /** The environment of the children, over a minimal one. */
  env?: Record<string, string>;
};

const READY_WITHIN_MS = 30_000;

/** API and worker of the local composition as two supervised processes on loopback. */
export class LocalPlatform {
  readonly url: string;
  readonly failed: Promise<never>;
  readonly api: SupervisedChild;
  readonly worker: SupervisedChild;

  private constructor(url: string, api: SupervisedChild, worker: SupervisedChild) {
    this.url = url;
    this.api = api;
    this.worker = worker;
    this.failed = Promise.race([api.failed, worker.failed]);
    this.failed.catch(() => {});
  }

  /** Resolves when the API says it is ready; on failure stops what it started and throws one sentence. */
  static async start(options: PlatformOptions): Promise<LocalPlatform> {
    const port = options.port === 0 ? await freePort() : options.port;
    await refuseTakenPort(port);
    const logs = join(options.dataDir, 'logs');
    await mkdir(logs, { recursive: true, mode: 0o700 });
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '/',
      MALLOC_ARENA_MAX: '2', // as in the images of API and worker
      DATA_DIR: options.dataDir,
      MODELS_DIRS: options.modelsDirs.join(':'),
      DOCKER_SOCKET: options.dockerSocket,
      STAGER_ENTRY: join(options.repoRoot, 'dist/apps/stager/main.local.js'),
      HOST: '127.0.0.1',
      PORT: String(port),
      ...options.env,
    };
    const bundleOf = (name: 'api' | 'worker') => join(options.repoRoot, `dist/apps/${name}/main.local.js`);
    const childOf = (name: 'api' | 'worker', entry = bundleOf(name)) =>
      new SupervisedChild({
        name,
        args: ['--enable-source-maps', entry],
        env,
        logPath: join(logs, `${name}.log`),
      });
    const platform = new LocalPlatform(`http://127.0.0.1:${port}`, childOf('api', options.apiEntry), childOf('worker'));
    platform.api.start();
    platform.worker.start();
    try {
      await Promise.race([platform.ready(), platform.failed]);
      return platform;
    } catch (error) {
      await platform.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.api.stop(), this.worker.stop()]);
  }

  /** Waits until the API answers; also after it was killed. */
  ready(): Promise<void> {
    return untilApiReady(this.url);
  }
}

export async function untilApiReady(url: string): Promise<void> {
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadlineMs) {
    const answer = await fetch(`${url}/health/ready`).catch(() => null);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(
    `The API did not become ready within ${READY_WITHIN_MS / 1000} s; its log is api.log in the logs of the data folder.`,
  );
}

/** Throws one sentence that says how to choose another port. */
export function refuseTakenPort(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', () =>
      reject(new Error(`Port ${port} is taken: choose another with --port, for instance --port ${port + 1}.`)),
    );
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()));
  });
}
