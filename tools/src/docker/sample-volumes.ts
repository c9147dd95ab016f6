import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { DockerError } from './docker-error.ts';
import type { HostEnvironment, Log } from './host.ts';
import { ensureBuilt } from './model-image.ts';

/** Debian's `mricron-data`: a T1 head (181 x 217 x 181, 1 mm) and the same with the brain alone. */
const SAMPLES = {
  head: { name: 'ch2.nii.gz', sha256: 'a009051127f64dc3dd554d5f5b589870ea72106d9642c21b4e7093e478cfc309' },
  brain: { name: 'ch2bet.nii.gz', sha256: '592a2d20abdf36eefcb540ca8958428040edffc1bc1a18ba1dcfbabac77c5dd1' },
} as const;
const SAMPLES_IMAGE = 'bpi/brain-mri-samples:1';
const TAR_BLOCK_BYTES = 512;
const ARCHIVE_BYTES_MAX = 32 * 2 ** 20;

export interface SampleVolumes {
  headNifti: string;
  brainNifti: string;
}

/**
 * The sample volumes as files of the host, fetched inside Docker so that a machine without apt gets them too.
 * Files that are already there, with the right SHA-256, need no Docker at all.
 * @throws DockerError `samples_failed` and those of `ensureModelImage`
 */
export async function ensureSamples(
  docker: Docker,
  options: { cacheFolder: string; samplesFolder: string; log: Log; environment: HostEnvironment },
): Promise<SampleVolumes> {
  const { cacheFolder, samplesFolder, log, environment } = options;
  const volumes = {
    headNifti: join(cacheFolder, SAMPLES.head.name),
    brainNifti: join(cacheFolder, SAMPLES.brain.name),
  };
  const present = await Promise.all([
    hasDigest(volumes.headNifti, SAMPLES.head.sha256),
    hasDigest(volumes.brainNifti, SAMPLES.brain.sha256),
  ]);
  if (present.every(Boolean)) return volumes;

  const { image } = await ensureBuilt(docker, { folder: samplesFolder, tag: SAMPLES_IMAGE, log, environment });
  await mkdir(cacheFolder, { recursive: true });
  // The image holds files only: the command is never run, but a container must name one.
  const container = await docker.createContainer({ Image: image, Cmd: ['none'], NetworkDisabled: true });
  try {
    for (const sample of Object.values(SAMPLES)) {
      const bytes = await readFromContainer(container, `/samples/${sample.name}`);
      if (sha256(bytes) !== sample.sha256) {
        throw new DockerError('samples_failed', `${sample.name} is not the one we know: check mricron-data's version.`);
      }
      await writeWhole(join(cacheFolder, sample.name), bytes);
    }
  } finally {
    await container.remove({ force: true });
  }
  return volumes;
}

async function readFromContainer(container: Docker.Container, path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of await container.getArchive({ path })) {
    const chunk = Buffer.from(part);
    bytes += chunk.length;
    if (bytes > ARCHIVE_BYTES_MAX) {
      throw new DockerError('samples_failed', `${path} is too large: rebuild the samples.`);
    }
    parts.push(chunk);
  }
  return firstFile(Buffer.concat(parts));
}

/** The first regular file of a tar archive (POSIX.1-2001 ustar: name 0, size 124..136 octal, type flag 156). */
export function firstFile(archive: Buffer): Buffer {
  let at = 0;
  while (at + TAR_BLOCK_BYTES <= archive.length) {
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 136), 8);
    const type = archive.toString('latin1', at + 156, at + 157);
    const start = at + TAR_BLOCK_BYTES;
    // An empty block (the end) has no size, and a cut-off archive has less than it says.
    if (Number.isNaN(size) || start + size > archive.length) break;
    if (type === '0' || type === '\0') return archive.subarray(start, start + size);
    at = start + Math.ceil(size / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
  }
  throw new DockerError('samples_failed', 'Docker handed out no file: remove the samples image and retry.');
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function hasDigest(path: string, digest: string): Promise<boolean> {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes !== undefined && sha256(bytes) === digest;
}

/** A reader sees the whole file or none. */
async function writeWhole(path: string, bytes: Buffer): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  await writeFile(partial, bytes);
  await rename(partial, path);
}
