import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { geometryFieldSchema, type GeometryField } from '@bpi/job-contract';
import type Dockerode from 'dockerode';

export type MadeInput = { inputPath: string; geometry: GeometryField };

const LOG_CHARS_MAX = 500;

/**
 * Runs `tools/client/make_input.py` on a NIfTI head in a container that has Python and NumPy (the model image), so
 * that the host needs neither. The folder receives input.npz and geometry.json.
 */
export async function makeInput(
  docker: Dockerode,
  options: { repoRoot: string; image: string; headNifti: string; folder: string },
): Promise<MadeInput> {
  const { folder } = options;
  await mkdir(folder, { recursive: true });
  const head = basename(options.headNifti);
  await copyFile(join(options.repoRoot, 'tools/client/make_input.py'), join(folder, 'make_input.py'));
  await copyFile(options.headNifti, join(folder, head));
  const container = await docker.createContainer({
    Image: options.image,
    Cmd: ['python3', '/client/make_input.py', `/client/${head}`, '/client'],
    User: `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`,
    HostConfig: { Binds: [`${folder}:/client`], NetworkMode: 'none', ReadonlyRootfs: true, CapDrop: ['ALL'] },
  });
  try {
    await container.start();
    const { StatusCode } = (await container.wait()) as { StatusCode: number }; // dockerode types this as any
    if (StatusCode !== 0) {
      const logs = await container.logs({ stdout: true, stderr: true });
      throw new Error(`make_input.py failed: ${logs.toString('utf8').slice(-LOG_CHARS_MAX)}`);
    }
  } finally {
    await container.remove({ force: true });
  }
  const geometry = geometryFieldSchema.parse(JSON.parse(await readFile(join(folder, 'geometry.json'), 'utf8')));
  return { inputPath: join(folder, 'input.npz'), geometry };
}
