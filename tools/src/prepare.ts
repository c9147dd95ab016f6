/** What quickstart and the tests need besides an engine before anything of ours can run: images, sample volumes. */
import { join } from 'node:path';
import Dockerode from 'dockerode';
import type { DockerEngine } from './docker/engine.ts';
import { ensureModelImage } from './docker/model-image.ts';
import { ensureSamples, type SampleVolumes } from './docker/sample-volumes.ts';

export type Prepared = { docker: Dockerode; samples: SampleVolumes };

export type PrepareOptions = {
  repoRoot: string;
  engine: DockerEngine;
  /** Sample volumes lie here; may be deleted at any time. */
  cacheDir: string;
  /** Model folders whose images are needed. */
  modelFolders: string[];
  environment: Readonly<Record<string, string | undefined>>;
  log: (line: string) => void;
};

/** Every step keeps what is there already, so a second call takes about a second. Throws one sentence. */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const { repoRoot, engine, cacheDir, environment, log } = options;
  const docker = new Dockerode({ socketPath: engine.socketPath });
  for (const folder of options.modelFolders) await ensureModelImage(docker, { folder, environment, log });
  const samplesFolder = join(repoRoot, 'apps/models/brain-mri/samples');
  const samples = await ensureSamples(docker, {
    cacheFolder: join(cacheDir, 'samples'),
    samplesFolder,
    environment,
    log,
  });
  return { docker, samples };
}
