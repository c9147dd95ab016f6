/**
 * All there is to check, in one command: `./tools/test [PATTERN…]` (patterns narrow the Jest part).
 * Installs what the tests need, stops what it started, ends with `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { startMinistack } from './aws/ministack.ts';
import { ensureImageOfBundle } from './docker/app-image.ts';
import { ensureDockerEngine } from './docker/engine.ts';
import { ensureNodeImage } from './docker/node-base.ts';
import { prepare } from './prepare.ts';
import { freePort } from './run/free-port.ts';
import { ensureTestPython } from './test-python.ts';

const repoRoot = join(import.meta.dirname, '../..');
const cacheDir = join(repoRoot, 'data/test-cache');
const say = (line: string) => process.stdout.write(`${line}\n`);

type Tally = { passed: number; failed: number };
const tally: Tally = { passed: 0, failed: 0 };

/** One command = one test, unless it reports more by itself. */
async function check(name: string, command: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  const startedMs = performance.now();
  say(`\n▶ ${name}`);
  const code = await run(command, args, env);
  tally[code === 0 ? 'passed' : 'failed'] += 1;
  say(`${code === 0 ? '✓' : '✗'} ${name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
}

/** @param output `held`: shown when the command has ended, because another one is printing meanwhile. */
function run(
  command: string,
  args: string[],
  env: Record<string, string>,
  output: 'live' | 'held' = 'live',
): Promise<number> {
  return new Promise((resolve, reject) => {
    const out = output === 'live' ? 'inherit' : 'pipe';
    const child = spawn(command, args, { cwd: repoRoot, env: { ...process.env, ...env }, stdio: ['ignore', out, out] });
    const held: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => held.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      process.stdout.write(Buffer.concat(held));
      resolve(code ?? 1);
    });
  });
}

const jestResultSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numRuntimeErrorTestSuites: z.number(),
});

type JestPart = { name: string; args: string[]; env: Record<string, string>; output?: 'live' | 'held' };

/** Runs some of the spec files; their tests are counted one by one, and a skipped one counts as failed. */
async function jest({ name, args, env, output = 'live' }: JestPart): Promise<void> {
  const resultPath = join(cacheDir, `${name}.json`);
  await rm(resultPath, { force: true });
  const startedMs = performance.now();
  if (output === 'live') say(`\n▶ jest: ${name}`);
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const jestEntry = join(repoRoot, 'node_modules/jest/bin/jest.js');
  const jestArgs = [jestEntry, '--json', `--outputFile=${resultPath}`, '--passWithNoTests', ...args];
  const code = await run(process.execPath, [...flags, ...jestArgs], env, output);
  const result = jestResultSchema.safeParse(
    await readFile(resultPath, 'utf8')
      .then(JSON.parse)
      .catch(() => null),
  );
  if (!result.success) {
    tally.failed += 1;
    return;
  }
  const { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites } = result.data;
  tally.passed += numPassedTests;
  tally.failed += numFailedTests + numRuntimeErrorTestSuites + numPendingTests;
  if (code !== 0 && numFailedTests + numRuntimeErrorTestSuites === 0) tally.failed += 1;
  say(`jest: ${name}: ${numPassedTests} passed (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
}

async function main(patterns: string[]): Promise<void> {
  await mkdir(cacheDir, { recursive: true, mode: 0o700 });
  const python = await ensureTestPython({ cacheDir, log: say });
  await check('types', 'tsc', ['-p', '.']);
  await check('types of the API', 'tsc', ['-p', 'apps/api']);
  await check('format', 'prettier', ['--check', '--log-level=warn', '.']);
  // Without a project graph the boundary rule skips itself with a warning, so the graph comes first.
  await check('project graph', 'nx', ['graph', `--file=${join(cacheDir, 'graph.json')}`], { NX_DAEMON: 'false' });
  await check('lint and module boundaries', 'eslint', ['--max-warnings=0', '.']);
  await check('bundles', process.execPath, ['tools/src/build.ts']);

  const host = { environment: process.env, log: say };
  const engine = await ensureDockerEngine({ stateFolder: cacheDir, ...host });
  const emulator = await startMinistack({ cacheDir, port: await freePort(), log: say });
  const stopAll = async () => {
    await emulator.stop();
    await engine.stop();
  };
  // The commands under way get the terminal's Ctrl-C themselves; the engine and the emulator would stay.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => void stopAll().finally(() => process.exit(1)));
  }
  try {
    const modelFolders = ['apps/models/brain-mri', 'apps/e2e/models/echo'].map((folder) => join(repoRoot, folder));
    const { docker } = await prepare({ repoRoot, engine, cacheDir, modelFolders, ...host });
    const { image: nodeImage } = await ensureNodeImage(docker, { repoRoot, ...host });
    const stager = await ensureImageOfBundle(docker, { repoRoot, app: 'stager', nodeImage, ...host });
    const env = {
      BPI_TEST_PYTHON: python,
      BPI_TEST_DOCKER_SOCKET: engine.socketPath,
      BPI_TEST_SAMPLES: join(cacheDir, 'samples'),
      BPI_TEST_AWS_ENDPOINT: emulator.endpoint,
      BPI_TEST_STAGER_IMAGE: stager.imageId,
    };
    await check('brain-mri’s own tests', python, ['-m', 'unittest', 'discover', '-s', 'apps/models/brain-mri/tests']);
    const elsewhere = ['apps/e2e/src', 'docker', 'protocol-check'];
    // Jest's list options take everything that follows, so patterns come first.
    const ignoring = (paths: string[]) => paths.flatMap((path) => ['--testPathIgnorePatterns', path]);
    // The protocol check keeps one core busy for minutes, so everything else goes on beside it; times are taken last.
    const protocol = jest({
      name: 'protocol',
      args: ['--runInBand', ...only('libs/protocol-check', patterns)],
      env,
      output: 'held',
    });
    await jest({
      name: 'units',
      args: [...patterns, '--maxWorkers=1', ...ignoring(['/node_modules/', ...elsewhere])],
      env,
    });
    const containers = [
      ...only('(apps/e2e/src|docker)', patterns),
      '--runInBand',
      ...ignoring(['/node_modules/', 'overhead']),
    ];
    await jest({ name: 'containers', args: containers, env });
    await protocol;
    await jest({ name: 'times', args: ['--runInBand', ...only('apps/e2e/src/overhead', patterns)], env });
  } finally {
    await stopAll();
  }
}

/** One pattern for spec files in this place that also match what was asked for. */
function only(place: string, patterns: string[]): string[] {
  return [patterns.length === 0 ? place : `${place}.*(${patterns.join('|')})`];
}

const startedMs = performance.now();
try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : 'unknown error'}\n`);
  tally.failed += 1;
}
say(`\n${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
say(`${tally.passed} passed, ${tally.failed} failed`);
process.exit(tally.failed === 0 && tally.passed > 0 ? 0 : 1);
