import { join } from 'node:path';
import Dockerode from 'dockerode';
import { ensureDockerEngine } from '../docker/engine.ts';
import { ensureModelImage } from '../docker/model-image.ts';
import { Client } from '../run/client.ts';
import { LocalPlatform } from '../run/platform.ts';
import { finding, type Finding } from './finding.ts';
import { interleave } from './interleave.ts';
import { noopJobs } from './noop-job.ts';
import type { Workshop } from './workshop.ts';

const ROUNDS = 15;
const SHAPE = [4, 16, 16] as const;

/** A job that does nothing, from POST to completed, less what its container alone takes. */
export async function measureOverhead(shop: Workshop): Promise<Finding[]> {
  const { repoRoot, log } = shop.options;
  const host = { environment: process.env, log };
  const engine = await ensureDockerEngine({ stateFolder: shop.dir, ...host });
  shop.defer(() => engine.stop());
  const docker = new Dockerode({ socketPath: engine.socketPath });
  const modelsDir = join(repoRoot, 'apps/e2e/models');
  await ensureModelImage(docker, { folder: join(modelsDir, 'echo'), ...host });
  const dataDir = await shop.folder('data');
  shop.defer(() => removeContainers(docker, dataDir));
  const platform = await LocalPlatform.start({
    repoRoot,
    dataDir,
    port: 0,
    modelsDirs: [modelsDir],
    dockerSocket: engine.socketPath,
  });
  shop.defer(() => platform.stop());
  const inputPath = await shop.makeVolume('tiny.npz', { how: 'deflated', shape: SHAPE });
  const noop = await noopJobs({ client: new Client(platform.url, null), docker, dataDir, inputPath });
  const { job, container } = await interleave(shop.size(ROUNDS, 1), noop);
  return [
    finding({
      what: 'A no-op job on top of its container alone',
      unit: 'ms',
      ours: job.map((tookMs, round) => tookMs - (container[round] ?? Number.NaN)),
      other: { name: 'the container', figures: container },
      ratio: 'ours/other',
      goal: { bound: 'at most', value: 250, of: 'figure' },
    }),
  ];
}

/** By their mounts: only this platform's containers see its folder. */
async function removeContainers(docker: Dockerode, dataDir: string): Promise<void> {
  for (const { Id, Mounts } of await docker.listContainers({ all: true })) {
    if (!Mounts.some(({ Source }) => Source?.startsWith(`${dataDir}/`))) continue;
    await docker.getContainer(Id).remove({ force: true });
  }
}
