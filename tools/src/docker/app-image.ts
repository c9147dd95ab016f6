import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { z } from 'zod';
import { type App, ensureBundle } from './app-image-bundle.ts';
import { type AppContext, contextDigest, dockerfileOf, readContext, writeContext } from './app-image-context.ts';
import { imageId, isNotFound } from './base-image.ts';
import { DockerError } from './docker-error.ts';
import { runCommand } from './host.ts';
import type { HostEnvironment, Log } from './host.ts';
import { followBuild } from './image-events.ts';
import { CONTENT_LABEL, type ModelImage } from './model-image.ts';

const BUILD_TIMEOUT_MS = 5 * 60_000;
const GIT_TIMEOUT_MS = 10_000;

const packageSchema = z.object({ version: z.string() });

export type AppImage = ModelImage;

export interface AppImageOptions {
  repoRoot: string;
  app: App;
  /** Base of the image, present in the engine: see `ensureNodeImage`. */
  nodeImage: string;
  log: Log;
  environment: HostEnvironment;
}

/**
 * The image `bpi/APP:VERSION` of an app's AWS composition, bundled and built if it is missing or was made from other
 * content or another base.
 * @throws DockerError `build_failed`, `image_missing`
 */
export async function ensureAppImage(docker: Docker, options: AppImageOptions): Promise<AppImage> {
  await ensureBundle(options.repoRoot, options.app, options.log);
  return ensureImageOfBundle(docker, options);
}

/** As `ensureAppImage`, from the bundles as they lie in `dist/`. */
export async function ensureImageOfBundle(docker: Docker, options: AppImageOptions): Promise<AppImage> {
  const { repoRoot, app, nodeImage, log } = options;
  const nodeImageId = await imageId(docker, nodeImage);
  if (nodeImageId === undefined) {
    throw new DockerError(
      'image_missing',
      `The Node image ${nodeImage} is missing: pull it, or leave it out for ours.`,
    );
  }
  const { version } = packageSchema.parse(
    JSON.parse(await readFile(join(repoRoot, `apps/${app}/package.json`), 'utf8')),
  );
  const image = `bpi/${app}:${version}`;
  const context = await readContext(repoRoot, app);
  const content = contextDigest(context, { nodeImageId, version });
  const present = await builtFrom(docker, image, content);
  if (present !== undefined) return { image, imageId: present, outcome: 'present' };
  log(`${image}: building`);
  await build(docker, { ...options, context, image, version, content });
  const made = await builtFrom(docker, image, content);
  if (made === undefined) {
    throw new DockerError('build_failed', `${image} is missing after its build: check Docker's disk space.`);
  }
  return { image, imageId: made, outcome: 'built' };
}

interface Build extends AppImageOptions {
  context: AppContext;
  image: string;
  version: string;
  content: string;
}

/** Without network, and with nothing of the host's: all that these builds need is in their context. */
async function build(docker: Docker, options: Build): Promise<void> {
  const { app, nodeImage, image, version, content, context } = options;
  const folder = await mkdtemp(join(tmpdir(), 'bpi-app-'));
  try {
    await writeContext(folder, context);
    const buildargs = { NODE_IMAGE: nodeImage, VERSION: version, REVISION: await revisionOf(options) };
    const answer = await docker.buildImage(
      { context: folder, src: [...context.keys()] },
      {
        dockerfile: dockerfileOf(app),
        t: image,
        buildargs,
        labels: { [CONTENT_LABEL]: content },
        networkmode: 'none',
        rm: true,
        forcerm: true,
        abortSignal: AbortSignal.timeout(BUILD_TIMEOUT_MS),
      },
    );
    const whatToDo = (lastLines: string) => `mend what its last lines say and retry.\n${lastLines}`;
    await followBuild(answer, { image, log: options.log, whatToDo });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The commit in the checkout, with `-dirty` if tracked files differ from it. It is no part of the content: an image that
 * stayed the same keeps the revision it was first made from.
 */
async function revisionOf({ repoRoot, environment }: Build): Promise<string> {
  const command = ['git', '-C', repoRoot, 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
  const { exitCode, tail } = await runCommand(command, { environment, timeoutMs: GIT_TIMEOUT_MS });
  const revision = tail.trim();
  return exitCode === 0 && /^[0-9a-f]{40}(-dirty)?$/.test(revision) ? revision : 'unknown';
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
