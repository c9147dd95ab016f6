import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { buildApps, SWAGGER_UI_FILES, SWAGGER_UI_FOLDER } from '../build.ts';
import { DockerError } from './docker-error.ts';
import type { Log } from './host.ts';

export const APPS = ['api', 'worker', 'stager'] as const;
export type App = (typeof APPS)[number];

/** The bundles of each app's AWS composition, below `dist/apps/`. The local ones are in no image. */
const BUNDLES: Readonly<Record<App, readonly string[]>> = {
  api: ['api/main.js', 'api/input-check/check-thread.js'],
  worker: ['worker/main.js'],
  stager: ['stager/main.js'],
};

/** Files that an app reads when it starts, below `dist/apps/`. */
const ASSETS: Readonly<Record<App, readonly string[]>> = {
  api: SWAGGER_UI_FILES.map((name) => `${SWAGGER_UI_FOLDER}/${name}`),
  worker: [],
  stager: [],
};

/** Besides our own sources: how they are bundled, and by what the dependencies change. */
const INPUTS = ['tools/src/build.ts', 'package-lock.json', 'tsconfig.json', 'apps/api/tsconfig.json'];

const sourceMapSchema = z.object({ sources: z.array(z.string()) });

/** The app's bundles, their source maps and what they read, relative to the repository's root. */
export function bundleFiles(app: App): readonly string[] {
  const bundles = BUNDLES[app].flatMap((name) => [name, `${name}.map`]);
  return [...bundles, ...ASSETS[app]].map((name) => `dist/apps/${name}`);
}

/**
 * Bundles the apps unless this app's bundles are newer than everything they were made from. Bundling empties `dist/`
 * first, which a platform that runs from it would notice.
 * @throws DockerError `build_failed`, also if the app has no composition for AWS
 */
export async function ensureBundle(repoRoot: string, app: App, log: Log): Promise<void> {
  if (await isCurrent(repoRoot, app)) return;
  log('bundling the apps');
  await buildApps(repoRoot).catch((cause: unknown) => {
    // esbuild has said on stderr what is wrong, and where.
    throw new DockerError('build_failed', 'Bundling the apps failed: mend what is said above and retry.', { cause });
  });
  for (const file of bundleFiles(app)) {
    if ((await modifiedMs(join(repoRoot, file))) === undefined) {
      throw new DockerError(
        'build_failed',
        `${file} was not made: write apps/${app}/src/main.ts and name it in tools/src/build.ts.`,
      );
    }
  }
}

/** Whether everything is there, and every bundle newer than its inputs and those of our sources that its source map names. */
export async function isCurrent(repoRoot: string, app: App): Promise<boolean> {
  for (const name of ASSETS[app]) {
    if ((await modifiedMs(join(repoRoot, 'dist/apps', name))) === undefined) return false;
  }
  for (const name of BUNDLES[app]) {
    const bundle = join(repoRoot, 'dist/apps', name);
    const madeMs = await modifiedMs(bundle);
    const sources = await sourcesOf(`${bundle}.map`);
    if (madeMs === undefined || sources === undefined) return false;
    const inputs = [...INPUTS.map((path) => join(repoRoot, path)), ...sources];
    const changedMs = await Promise.all(inputs.map(modifiedMs));
    if (changedMs.some((timeMs) => timeMs === undefined || timeMs >= madeMs)) return false;
  }
  return true;
}

/**
 * Absolute paths of our own sources; undefined if there is no map to read. What a dependency was itself compiled from is
 * named there too, but not shipped, and npm dates all its files to 1985.
 */
async function sourcesOf(map: string): Promise<readonly string[] | undefined> {
  const text = await readFile(map, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { sources } = sourceMapSchema.parse(JSON.parse(text));
  return sources.filter((source) => !source.includes('node_modules/')).map((source) => resolve(dirname(map), source));
}

async function modifiedMs(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}
