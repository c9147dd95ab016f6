/**
 * Bundles the apps into `dist/`, one file per process: they start in a fraction of the time that loading
 * a few hundred sources takes, and the API's decorators need a compiler anyway. Beside them lies what they read.
 */
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { build, type OutputFile } from 'esbuild';

const ENTRIES = {
  'apps/api/main': 'apps/api/src/main.ts',
  'apps/worker/main': 'apps/worker/src/main.ts',
  'apps/api/main.local': 'apps/api/src/main.local.ts',
  'apps/api/input-check/check-thread': 'apps/api/src/input-check/check-thread.ts',
  'apps/worker/main.local': 'apps/worker/src/main.local.ts',
  'apps/stager/main': 'apps/stager/src/main.ts',
  'apps/stager/main.local': 'apps/stager/src/main.local.ts',
} as const;

/** Of the package swagger-ui-dist, beside the API's bundle: what the page of the documentation loads, and its licence. */
export const SWAGGER_UI_FILES = [
  ...['swagger-ui-bundle.js', 'swagger-ui.css'],
  ...['swagger-ui-bundle.js.LICENSE.txt', 'LICENSE', 'NOTICE'],
] as const;
export const SWAGGER_UI_FOLDER = 'api/swagger-ui';

/** Nest looks for these at run time and does without; docker-modem for the native half of ssh2, which we never use. */
const OPTIONAL = [
  '@nestjs/microservices',
  '@nestjs/websockets',
  'class-validator',
  'class-transformer',
  'cpu-features',
  '*.node',
];

/** CommonJS dependencies inside an ES module bundle still call these. */
const COMMONJS_GLOBALS = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { dirname as __pathDirname } from 'node:path';",
  "import { fileURLToPath as __toPath } from 'node:url';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __toPath(import.meta.url);',
  'const __dirname = __pathDirname(__filename);',
].join('\n');

export async function buildApps(repoRoot: string): Promise<void> {
  const outputFiles = await bundle(repoRoot, ENTRIES, join(repoRoot, 'dist'));
  // What lies there goes only when its successor is complete.
  await rm(join(repoRoot, 'dist/apps'), { recursive: true, force: true });
  await writeAll(outputFiles);
  await copySwaggerUi(repoRoot, join(repoRoot, 'dist/apps', SWAGGER_UI_FOLDER));
}

/** Bundles a test's own programs as the apps are: names (their places below `outdir`) by source, from the repository's root. */
export async function buildPrograms(repoRoot: string, entries: Record<string, string>, outdir: string): Promise<void> {
  await writeAll(await bundle(repoRoot, entries, outdir));
  await copySwaggerUi(repoRoot, join(outdir, basename(SWAGGER_UI_FOLDER))); // one of them may be an API
}

async function bundle(repoRoot: string, entries: Record<string, string>, outdir: string): Promise<OutputFile[]> {
  const { outputFiles } = await build({
    absWorkingDir: repoRoot,
    entryPoints: { ...entries },
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    external: OPTIONAL,
    banner: { js: COMMONJS_GLOBALS },
    minify: true,
    keepNames: true,
    sourcemap: 'linked',
    logLevel: 'warning',
    tsconfig: join(repoRoot, 'apps/api/tsconfig.json'),
    write: false,
  });
  return outputFiles;
}

async function writeAll(outputFiles: readonly OutputFile[]): Promise<void> {
  for (const { path, contents } of outputFiles) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, contents);
  }
}

async function copySwaggerUi(repoRoot: string, folder: string): Promise<void> {
  const api = createRequire(join(repoRoot, 'apps/api/package.json')); // whose dependency it is
  const source = dirname(api.resolve('swagger-ui-dist/package.json'));
  await mkdir(folder, { recursive: true });
  for (const name of SWAGGER_UI_FILES) await copyFile(join(source, name), join(folder, name));
}

if (import.meta.main) await buildApps(join(import.meta.dirname, '../..'));
