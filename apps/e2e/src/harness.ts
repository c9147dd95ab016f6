/** One local platform per spec file: a fresh data folder, real processes, real containers. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StatusBody } from '@bpi/job-contract';
import { Client, LocalPlatform, type PlatformOptions } from '@bpi/tools';
import Dockerode from 'dockerode';

export const repoRoot = join(import.meta.dirname, '../../..');

const run = promisify(execFile);

export function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run these tests by ./tools/test`);
  return value;
}

/** What a process of ours gets of the environment that the tests run in. */
export function bareEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' };
}

export type Harness = {
  platform: LocalPlatform;
  client: Client;
  docker: Dockerode;
  dataDir: string;
  /** Path of an input that `make_volumes.py` made. */
  input: (name: string) => string;
  samples: { head: string; brain: string };
  finish: (jobId: string) => Promise<StatusBody>;
  /** Containers of this platform that run at this moment. */
  liveContainers: () => Promise<string[]>;
  log: (name: 'api' | 'worker') => Promise<string>;
  close: () => Promise<void>;
};

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const POLL_MS = 25;
const FINISH_WITHIN_MS = 120_000;

export async function startHarness(
  env: Record<string, string> = {},
  given: Pick<PlatformOptions, 'apiEntry'> = {},
): Promise<Harness> {
  const dataDir = await mkdtemp(join(tmpdir(), 'bpi-e2e-'));
  await chmod(dataDir, 0o700);
  await python('make_volumes.py', dataDir);
  const socketPath = required('BPI_TEST_DOCKER_SOCKET');
  const platform = await LocalPlatform.start({
    repoRoot,
    dataDir,
    port: 0,
    modelsDirs: [join(repoRoot, 'apps/models'), join(repoRoot, 'apps/e2e/models')],
    dockerSocket: socketPath,
    ...given,
    env: { OUTPUT_BYTES_MAX: String(OUTPUT_BYTES_MAX), SWEEP_INTERVAL_MS: '2000', DEFAULT_MODEL: 'echo', ...env },
  });
  const client = new Client(platform.url, null);
  const docker = new Dockerode({ socketPath });
  const samples = required('BPI_TEST_SAMPLES');
  return {
    platform,
    client,
    docker,
    dataDir,
    input: (name) => join(dataDir, `${name}.npz`),
    samples: { head: join(samples, 'ch2.nii.gz'), brain: join(samples, 'ch2bet.nii.gz') },
    finish: (jobId) =>
      until(
        () => client.status(jobId),
        ({ status }) => status === 'completed' || status === 'failed',
      ),
    liveContainers: async () =>
      (await ownContainers(docker, dataDir)).filter(({ State }) => State === 'running').map(({ Id }) => Id),
    log: (name) => readFile(join(dataDir, 'logs', `${name}.log`), 'utf8'),
    close: async () => {
      await platform.stop();
      for (const { Id } of await ownContainers(docker, dataDir)) await docker.getContainer(Id).remove({ force: true });
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** By their mounts: only this platform's containers see its folder. */
export async function ownContainers(docker: Dockerode, dataDir: string): Promise<Dockerode.ContainerInfo[]> {
  const all = await docker.listContainers({ all: true });
  return all.filter(({ Mounts }) => Mounts.some(({ Source }) => Source?.startsWith(dataDir)));
}

/** Asks until the answer is as wanted; an answer that fails (the API is down) is asked again. */
export async function until<T>(
  ask: () => Promise<T>,
  wanted: (answer: T) => boolean,
  withinMs = FINISH_WITHIN_MS,
): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  let last: unknown;
  while (performance.now() < deadlineMs) {
    try {
      const answer = await ask();
      if (wanted(answer)) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
  throw new Error(`not so within ${withinMs} ms; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
}

/** Runs one of the scripts in `python/` with NumPy and nibabel; resolves with what it printed. */
export async function python(script: string, ...args: string[]): Promise<string> {
  const path = join(import.meta.dirname, 'python', script);
  const { stdout } = await run(required('BPI_TEST_PYTHON'), [path, ...args], { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

export type ArtifactFacts = {
  keys: string[];
  shape: number[];
  dtype: string;
  labels: number[];
  nifti_equals_npz: boolean;
  affine: number[][];
  codes: [number, number];
  zooms: number[];
  dice?: number;
  reference_affine?: number[][];
};

/** Downloads a completed job's artifacts and lets NumPy and nibabel read them. */
export async function readArtifacts(
  harness: Harness,
  jobId: string,
  reference?: string,
): Promise<ArtifactFacts & { folder: string }> {
  const folder = join(harness.dataDir, `download-${jobId}`);
  await harness.client.download(await harness.client.result(jobId), folder);
  const text = await python('read_artifacts.py', folder, ...(reference === undefined ? [] : [reference]));
  const facts = JSON.parse(text) as ArtifactFacts; // printed by our own script
  return { ...facts, folder };
}
