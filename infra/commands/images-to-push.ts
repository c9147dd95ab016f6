import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  APPS,
  contentHash,
  copyModelContext,
  DEBIAN_IMAGE,
  dockerfileOf,
  modelContextFiles,
  readContext,
  writeContext,
  type App,
} from '@bpi/tools';
import { z } from 'zod';
import { imageNames, readModels } from '../platform/catalogue.ts';
import { CommandError } from './command-error.ts';

export type Architecture = 'linux/arm64' | 'linux/amd64';

/** One image of ours, as `docker buildx build` wants it. */
export type ImageToPush = {
  name: string;
  architecture: Architecture;
  /**
   * Of what it is made of: an image with the same tag needs no new build, whatever else a commit changes. Null = it goes
   * by its commit.
   */
  contentTag: string | null;
  /** Relative to the context. */
  dockerfile: string;
  buildArgs: Readonly<Record<string, string>>;
  /** Writes the context into an empty folder. */
  stage: (folder: string) => Promise<void>;
};

/** API and worker run on Fargate's ARM machines; what runs in a job's task is where the GPUs are. */
const ARCHITECTURE_OF: Readonly<Record<App, Architecture>> = {
  api: 'linux/arm64',
  worker: 'linux/arm64',
  stager: 'linux/amd64',
};

/** Of a `package.json` or a `model.json`. */
const packageSchema = z.object({ version: z.string() });

/** Of a content's SHA-256, in its tag. */
const CONTENT_DIGITS = 16;

export type ImagesRequest = {
  repoRoot: string;
  /** None = all. */
  names: readonly string[];
  revision: string;
  /** Makes the app's bundles current. */
  bundle: (app: App) => Promise<void>;
};

/** @throws CommandError if a name is no image of ours */
export async function imagesToPush(request: ImagesRequest): Promise<ImageToPush[]> {
  const all = imageNames(await readModels());
  const unknown = request.names.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    throw new CommandError(`There is no image ${unknown.join(', ')}: name some of ${all.join(', ')}, or none for all.`);
  }
  const names = request.names.length === 0 ? all : all.filter((name) => request.names.includes(name));
  return Promise.all(
    names.map((name) => {
      const app = APPS.find((other) => other === name);
      return app === undefined ? modelImage(request, name) : appImage(request, app);
    }),
  );
}

async function appImage({ repoRoot, revision, bundle }: ImagesRequest, app: App): Promise<ImageToPush> {
  const manifest = await readFile(join(repoRoot, `apps/${app}/package.json`), 'utf8');
  const { version } = packageSchema.parse(JSON.parse(manifest));
  return {
    name: app,
    architecture: ARCHITECTURE_OF[app],
    contentTag: null,
    dockerfile: dockerfileOf(app),
    buildArgs: { VERSION: version, REVISION: revision },
    stage: async (folder) => {
      await bundle(app);
      await writeContext(folder, await readContext(repoRoot, app));
    },
  };
}

async function modelImage({ repoRoot }: ImagesRequest, name: string): Promise<ImageToPush> {
  const model = join(repoRoot, 'apps/models', name);
  const files = await modelContextFiles(model);
  if (!files.includes('Dockerfile')) {
    throw new CommandError(`apps/models/${name} has no Dockerfile: write one, or leave ${name} out.`);
  }
  const { version } = packageSchema.parse(JSON.parse(await readFile(join(model, 'model.json'), 'utf8')));
  const content = await contentHash({ folder: model, files, baseImageId: DEBIAN_IMAGE });
  return {
    name,
    architecture: 'linux/amd64',
    contentTag: `${version}-${content.slice(0, CONTENT_DIGITS)}`,
    dockerfile: 'Dockerfile',
    buildArgs: { BASE: DEBIAN_IMAGE },
    stage: (folder) => copyModelContext(model, files, folder),
  };
}
