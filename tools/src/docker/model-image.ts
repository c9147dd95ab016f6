import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type Docker from 'dockerode';
import { ensureBaseImage, imageId, isNotFound } from './base-image.ts';
import { buildImage } from './build-image.ts';
import { DockerError } from './docker-error.ts';
import type { HostEnvironment, Log } from './host.ts';

/** Holds the hash of everything an image was built from. */
export const CONTENT_LABEL = 'bpi.content';

/** Files of a model folder that its image never holds, so that editing them rebuilds nothing. */
const NOT_IN_CONTEXT = new Set(['README.md', 'model.json', 'tests', 'samples', '__pycache__', '.dockerignore']);
const CONTEXT_FILES_MAX = 1_000;

export interface ModelImage {
  image: string;
  /** `sha256:…` */
  imageId: string;
  outcome: 'present' | 'built';
}

export interface ModelImageOptions {
  /** Has `model.json`; one without a `Dockerfile` uses an image that another folder builds. */
  folder: string;
  log: Log;
  environment: HostEnvironment;
}

/**
 * The image that a model folder names, built if it is missing or was made from other content or another base.
 * @throws DockerError `base_image_failed`, `build_failed`, `image_missing`
 */
export async function ensureModelImage(docker: Docker, options: ModelImageOptions): Promise<ModelImage> {
  const model: { image: string } = JSON.parse(await readFile(join(options.folder, 'model.json'), 'utf8'));
  return ensureBuilt(docker, { ...options, tag: model.image });
}

/**
 * As `ensureModelImage`, for a folder whose tag is not in a `model.json`.
 * @param options `target`: a stage of the Dockerfile, where the image is not the last one.
 */
export async function ensureBuilt(
  docker: Docker,
  options: ModelImageOptions & { tag: string; target?: string },
): Promise<ModelImage> {
  const { folder, tag, target, log, environment } = options;
  const files = await contextFiles(folder);
  if (!files.includes('Dockerfile')) {
    const present = await imageId(docker, tag);
    if (present !== undefined) return { image: tag, imageId: present, outcome: 'present' };
    const name = basename(folder);
    throw new DockerError('image_missing', `${tag} is missing and ${name} has no Dockerfile: build its owner first.`);
  }
  const base = await ensureBaseImage(docker, { log, environment });
  const content = await contentHash({ folder, files, target, baseImageId: base.imageId });
  const present = await builtFrom(docker, tag, content);
  if (present !== undefined) return { image: tag, imageId: present, outcome: 'present' };
  log(`${tag}: building`);
  const labels = { [CONTENT_LABEL]: content };
  await buildImage(docker, { folder, files, tag, target, base: base.image, labels, log, environment });
  const made = await builtFrom(docker, tag, content);
  if (made === undefined) {
    throw new DockerError('build_failed', `${tag} is missing after its build: check Docker's disk space.`);
  }
  return { image: tag, imageId: made, outcome: 'built' };
}

async function builtFrom(docker: Docker, image: string, content: string): Promise<string | undefined> {
  try {
    const found = await docker.getImage(image).inspect();
    return found.Config.Labels?.[CONTENT_LABEL] === content ? found.Id : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Paths below `folder` that belong to the build context, sorted. */
export async function contextFiles(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder, { withFileTypes: true })).filter(
    (entry) => !NOT_IN_CONTEXT.has(entry.name) && !entry.name.endsWith('.spec.ts'),
  );
  const nested = await Promise.all(
    names.map(async (entry) => {
      if (!entry.isDirectory()) return [entry.name];
      return (await contextFiles(join(folder, entry.name))).map((path) => `${entry.name}/${path}`);
    }),
  );
  const files = nested.flat().sort();
  if (files.length > CONTEXT_FILES_MAX) {
    const name = basename(folder);
    throw new DockerError('build_failed', `${name} has over ${CONTEXT_FILES_MAX} files: remove what is no source.`);
  }
  return files;
}

/** SHA-256 (hex) over the base's id, the stage if it is not the last, and every file's path and bytes. */
export async function contentHash(context: {
  folder: string;
  files: readonly string[];
  target?: string | undefined;
  baseImageId: string;
}): Promise<string> {
  const hash = createHash('sha256').update(context.baseImageId);
  if (context.target !== undefined) hash.update(`\ntarget ${context.target}`);
  for (const file of context.files) {
    const bytes = await readFile(join(context.folder, file));
    // Lengths keep one file's end and the next one's name apart.
    hash.update(`\n${file.length} ${file} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex');
}
