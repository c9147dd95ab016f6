/**
 * The Python tests of `apps/models/biomedparse`, in the image that holds all they need:
 * `BPI_TEST_DOCKER_SOCKET=… node tools/src/testing/model-tests.ts [pytest's own arguments]`.
 */
import { join } from 'node:path';
import Dockerode from 'dockerode';
import { STAND_IN_IMAGE, standInTests } from './stand-in.ts';

const MEMORY_BYTES = 4 * 2 ** 30;
const TESTS_TIMEOUT_MS = 15 * 60_000;

const repoRoot = join(import.meta.dirname, '../../..');

async function main(socketPath: string, args: readonly string[]): Promise<number> {
  const docker = new Dockerode({ socketPath });
  const container = await docker.createContainer({
    Image: STAND_IN_IMAGE,
    Cmd: ['python3', '-m', 'pytest', '-p', 'no:cacheprovider', '--durations=5', ...args, '/tests'],
    // Threads that wait for each other on a busy machine cost more than they bring.
    Env: ['OMP_NUM_THREADS=1'],
    // One stream without frames.
    Tty: true,
    HostConfig: {
      Binds: standInTests(repoRoot).map((folder, index) => `${folder}:/tests/${index}:ro`),
      NetworkMode: 'none',
      Memory: MEMORY_BYTES,
      MemorySwap: MEMORY_BYTES,
    },
  });
  const removed = (): Promise<unknown> => container.remove({ force: true }).catch(() => undefined);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void removed());
  try {
    const output = await container.attach({ stream: true, stdout: true, stderr: true });
    output.pipe(process.stdout);
    await container.start();
    const abortSignal = AbortSignal.timeout(TESTS_TIMEOUT_MS);
    const { StatusCode }: { StatusCode: number } = await container.wait({ abortSignal });
    return StatusCode;
  } finally {
    await removed();
  }
}

try {
  const socketPath = process.env['BPI_TEST_DOCKER_SOCKET'];
  if (socketPath === undefined) throw new Error('BPI_TEST_DOCKER_SOCKET is not set: run this by ./tools/test.');
  process.exitCode = await main(socketPath, process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : 'unknown error'}\n`);
  process.exitCode = 1;
}
