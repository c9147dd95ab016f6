import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type App, bundleFiles } from './app-image-bundle.ts';
import { DockerError } from './docker-error.ts';

/** Tells what models there are; the others are told which one is theirs. */
const WITH_CATALOGUE: App = 'api';
const CONTEXT_BYTES_MAX = 64 * 2 ** 20;
const MODELS_MAX = 500;

/** Bytes by path, relative to the repository's root. */
export type AppContext = ReadonlyMap<string, Buffer>;

/**
 * All that a build of the app's image may see, read once, so that what is built is what was hashed.
 * @throws DockerError `build_failed` if a file is missing or the whole is too large
 */
export async function readContext(repoRoot: string, app: App): Promise<AppContext> {
  const manifests = app === WITH_CATALOGUE ? await manifestFiles(repoRoot) : [];
  const context = new Map<string, Buffer>();
  let bytes = 0;
  for (const path of [dockerfileOf(app), ...bundleFiles(app), ...manifests]) {
    const content = await readFile(join(repoRoot, path)).catch(() => undefined);
    if (content === undefined) {
      throw new DockerError('build_failed', `${path} is missing: run \`node tools/src/build.ts\` and retry.`);
    }
    bytes += content.length;
    if (bytes > CONTEXT_BYTES_MAX) {
      throw new DockerError('build_failed', `The ${app} image takes in over ${CONTEXT_BYTES_MAX} bytes: bundle less.`);
    }
    context.set(path, content);
  }
  return context;
}

export function dockerfileOf(app: App): string {
  return `apps/${app}/Dockerfile`;
}

async function manifestFiles(repoRoot: string): Promise<readonly string[]> {
  const names = (await readdir(join(repoRoot, 'apps/models'))).sort();
  if (names.length > MODELS_MAX) {
    throw new DockerError('build_failed', `apps/models has over ${MODELS_MAX} entries: remove what is no model.`);
  }
  const inside = await Promise.all(
    names.map((name) => readdir(join(repoRoot, 'apps/models', name)).catch((): string[] => [])),
  );
  return names.flatMap((name, at) => (inside[at]?.includes('model.json') ? [`apps/models/${name}/model.json`] : []));
}

/** Writes the context below a folder, with modes of our own. */
export async function writeContext(folder: string, context: AppContext): Promise<void> {
  for (const [path, content] of context) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content, { mode: 0o644 });
  }
}

/** SHA-256 (hex) over the base's id, the version and every file's path and bytes. */
export function contextDigest(context: AppContext, from: { nodeImageId: string; version: string }): string {
  const hash = createHash('sha256').update(`${from.nodeImageId}\n${from.version}`);
  // Lengths keep one file's end and the next one's name apart.
  for (const [path, bytes] of context) hash.update(`\n${path.length} ${path} ${bytes.length}\n`).update(bytes);
  return hash.digest('hex');
}
