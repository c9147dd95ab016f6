/** What quickstart and the tests need before anything of ours can run: an engine, images, sample volumes. */
import { join } from 'node:path';
import Dockerode from 'dockerode';
import { ensureDockerEngine, type DockerEngine } from './docker/engine.ts';
import { ensureModelImage } from './docker/model-image.ts';
import { ensureSamples, type SampleVolumes } from './docker/sample-volumes.ts';

export type Prepared = { engine: DockerEngine; docker: Dockerode; samples: SampleVolumes };

export type PrepareOptions = {
  repoRoot: string;
  /** Engine log and sample volumes lie here; may be deleted at any time. */
  cacheDir: string;
  /** Model folders whose images are needed. */
  modelFolders: string[];
  environment: Readonly<Record<string, string | undefined>>;
  log: (line: string) => void;
};

/** Every step keeps what is there already, so a second call takes about a second. Throws one sentence. */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const { repoRoot, cacheDir, environment, log } = options;
  const engine = await ensureDockerEngine({ stateFolder: cacheDir, environment, log });
  try {
    const docker = new Dockerode({ socketPath: engine.socketPath });
    for (const folder of options.modelFolders) await ensureModelImage(docker, { folder, environment, log });
    const samplesFolder = join(repoRoot, 'apps/models/brain-mri/samples');
    const samples = await ensureSamples(docker, { cacheFolder: join(cacheDir, 'samples'), samplesFolder, environment, log });
    return { engine, docker, samples };
  } catch (error) {
    await engine.stop();
    throw error;
  }
}
