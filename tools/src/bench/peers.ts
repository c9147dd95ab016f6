import { join } from 'node:path';
import Dockerode from 'dockerode';
import { ensureDockerEngine } from '../docker/engine.ts';
import { ensureSamples } from '../docker/sample-volumes.ts';
import { ensurePythonEnvironment } from '../python-environment.ts';

/** What we are compared with; uvloop and httptools are what `uvicorn[standard]` runs on. */
const REQUIREMENTS = [
  'fastapi==0.165.0',
  'uvicorn==0.54.0',
  'uvloop==0.23.0',
  'httptools==0.9.0',
  'python-multipart==0.0.34',
  'numpy==2.4.6',
];

type Where = { cacheDir: string; log: (line: string) => void };

/** The Python of the peers, made on the first call. */
export async function ensurePeerPython({ cacheDir, log }: Where): Promise<string> {
  const folder = join(cacheDir, 'bench-python');
  const what = 'a Python environment with FastAPI and NumPy';
  return join(await ensurePythonEnvironment({ folder, requirements: REQUIREMENTS, what, log }), 'python');
}

/** The sample head MRI that every volume is tiled from. */
export async function ensureHead({ repoRoot, cacheDir, log }: Where & { repoRoot: string }): Promise<string> {
  const host = { environment: process.env, log };
  const engine = await ensureDockerEngine({ stateFolder: cacheDir, ...host });
  try {
    const { headNifti } = await ensureSamples(new Dockerode({ socketPath: engine.socketPath }), {
      cacheFolder: join(cacheDir, 'samples'),
      samplesFolder: join(repoRoot, 'apps/models/brain-mri/samples'),
      ...host,
    });
    return headNifti;
  } finally {
    await engine.stop();
  }
}
