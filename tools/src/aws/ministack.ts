/** DynamoDB, SQS and S3 on this machine, for tests and for a look at the AWS composition. Never for patients' data. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePythonEnvironment } from '../python-environment.ts';

/** Pinned: another version is another emulator. `cryptography` is what it needs beyond its own dependencies. */
const REQUIREMENTS = ['ministack==1.5.33', 'cryptography==50.0.2'];
const READY_WITHIN_MS = 30_000;
const POLL_MS = 50;
const STOP_GRACE_MS = 5_000;

export type Ministack = { endpoint: string; stop(): Promise<void> };

/**
 * Starts the emulator on a free port of loopback, with nothing in it; installs it into a virtual environment in
 * `cacheDir` first if it is not there. Throws one sentence.
 */
export async function startMinistack(options: {
  cacheDir: string;
  port: number;
  log: (line: string) => void;
}): Promise<Ministack> {
  const bin = await ensurePythonEnvironment({
    folder: join(options.cacheDir, 'ministack'),
    requirements: REQUIREMENTS,
    what: 'a Python environment for the AWS emulator',
    log: options.log,
  });
  const state = join(options.cacheDir, `ministack-${options.port}`);
  await rm(state, { recursive: true, force: true });
  await mkdir(state, { recursive: true, mode: 0o700 });
  const child = spawn(join(bin, 'ministack'), [], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: state,
      BIND_HOST: '127.0.0.1',
      MINISTACK_HOST: '127.0.0.1',
      GATEWAY_PORT: String(options.port),
      SFTP_ENABLED: '0',
      IOT_MTLS_ENABLED: '0',
      STATE_DIR: state,
      S3_DATA_DIR: join(state, 's3'),
      LOG_LEVEL: 'WARNING',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(join(options.cacheDir, 'ministack.log'));
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const endpoint = `http://127.0.0.1:${options.port}`;
  const stop = async (): Promise<void> => {
    await stopChild(child);
    log.end();
    await rm(state, { recursive: true, force: true });
  };
  try {
    await untilReady(endpoint, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, stop };
}

async function untilReady(endpoint: string, child: ChildProcess): Promise<void> {
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadlineMs) {
    if (child.exitCode !== null) break;
    const answer = await fetch(`${endpoint}/_ministack/health`).catch(() => null);
    if (answer !== null) return;
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
  throw new Error('The AWS emulator did not start: its log is ministack.log in the cache folder.');
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
  await gone;
  clearTimeout(insist);
}
