import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startMinistack } from '../aws/ministack.ts';
import { ensureImageOfBundle } from '../docker/app-image.ts';
import { ensureDockerEngine } from '../docker/engine.ts';
import { ensureNodeImage } from '../docker/node-base.ts';
import { prepare } from '../prepare.ts';
import { freePort } from '../run/free-port.ts';
import { endCommands } from './run-command.ts';
import { ensureSchemathesis } from './schemathesis.ts';
import { ensureStandIn } from './stand-in.ts';
import { ensureTestPython } from './test-python.ts';

export type Surroundings = {
  /** Tells spec files where things are. */
  env: Readonly<Record<string, string>>;
  /** Of a Python with NumPy and nibabel. */
  python: string;
  stop(): Promise<void>;
};

/**
 * What spec files need besides this checkout and its bundles: a Docker Engine, images, sample volumes, an AWS emulator,
 * Python. Installs what is missing; throws one sentence.
 */
export async function startSurroundings(options: {
  repoRoot: string;
  cacheDir: string;
  log: (line: string) => void;
}): Promise<Surroundings> {
  const { repoRoot, cacheDir, log } = options;
  await mkdir(cacheDir, { recursive: true, mode: 0o700 });
  const python = await ensureTestPython({ cacheDir, log });
  const schemathesis = await ensureSchemathesis({ cacheDir, log });
  const host = { environment: process.env, log };
  const engine = await ensureDockerEngine({ stateFolder: cacheDir, ...host });
  const emulator = await startMinistack({ cacheDir, port: await freePort(), log }).catch(async (error: unknown) => {
    await engine.stop();
    throw error;
  });
  const stop = async () => {
    await emulator.stop();
    await engine.stop();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      endCommands();
      void stop().finally(() => process.exit(1));
    });
  }
  try {
    const modelFolders = ['apps/models/brain-mri', 'apps/e2e/models/echo'].map((folder) => join(repoRoot, folder));
    const { docker } = await prepare({ repoRoot, engine, cacheDir, modelFolders, ...host });
    await ensureStandIn(docker, { repoRoot, ...host });
    const { image: nodeImage } = await ensureNodeImage(docker, { repoRoot, ...host });
    const stager = await ensureImageOfBundle(docker, { repoRoot, app: 'stager', nodeImage, ...host });
    const env = {
      BPI_TEST_PYTHON: python,
      BPI_TEST_SCHEMATHESIS: schemathesis,
      BPI_TEST_DOCKER_SOCKET: engine.socketPath,
      BPI_TEST_SAMPLES: join(cacheDir, 'samples'),
      BPI_TEST_AWS_ENDPOINT: emulator.endpoint,
      BPI_TEST_STAGER_IMAGE: stager.imageId,
    };
    return { env, python, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
