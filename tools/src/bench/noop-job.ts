import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type Dockerode from 'dockerode';
import type { Client } from '../run/client.ts';

export type NoopPlatform = {
  client: Client;
  docker: Dockerode;
  /** The platform's own; the container's files are laid beside its own. */
  dataDir: string;
  /** A volume that the model `echo` takes. */
  inputPath: string;
};

const IMAGE = 'bpi/echo-model:1.0.0';
const MEMORY_BYTES = 256 * 1024 * 1024;
const POLL_MS = 10;

/** Sets up two ways to run a model that does nothing; each resolves with the milliseconds that it took. */
export async function noopJobs(platform: NoopPlatform): Promise<Record<'job' | 'container', () => Promise<number>>> {
  const folder = join(platform.dataDir, 'baseline');
  await mkdir(folder, { recursive: true });
  await copyFile(platform.inputPath, join(folder, 'input.npz'));
  await writeFile(join(folder, 'params.json'), '{"behaviour":"noop"}');
  await chmod(folder, 0o755);
  return { job: () => jobMs(platform), container: () => containerMs(platform.docker, folder) };
}

/** From POST to a status of completed. */
async function jobMs({ client, inputPath }: NoopPlatform): Promise<number> {
  const startedMs = performance.now();
  const { job_id: jobId } = await client.infer({ inputPath, model: 'echo', params: { behaviour: 'noop' } });
  for (;;) {
    const { status } = await client.status(jobId);
    if (status === 'completed') return performance.now() - startedMs;
    if (status === 'failed') throw new Error('the job that does nothing failed: look into the worker’s log');
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

/** What `docker run` of the same image costs: create, start, wait, with the same hardening, on the same input. */
async function containerMs(docker: Dockerode, folder: string): Promise<number> {
  const startedMs = performance.now();
  const container = await docker.createContainer({
    Image: IMAGE,
    Env: ['INPUT_DIR=/input', 'OUTPUT_DIR=/tmp'],
    User: '65532:65532',
    HostConfig: {
      Binds: [`${folder}:/input:ro`],
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      Init: true,
      Memory: MEMORY_BYTES,
      Tmpfs: { '/tmp': 'uid=65532,gid=65532,mode=0700' },
    },
  });
  await container.start();
  await container.wait();
  const tookMs = performance.now() - startedMs;
  await container.remove({ force: true });
  return tookMs;
}
