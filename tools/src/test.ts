/**
 * All there is to check, in one command: `./tools/test [--long] [PATTERN…]` (patterns narrow the Jest part; `--long`
 * takes random tests to their full figures).
 * Installs what the tests need, stops what it started, ends with `N passed, N failed`.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parityOf } from './testing/parity-table.ts';
import { runCommandIn } from './testing/run-command.ts';
import { runJest, type JestPart, type JestRun } from './testing/run-jest.ts';
import { startSurroundings } from './testing/surroundings.ts';

const repoRoot = join(import.meta.dirname, '../..');
const cacheDir = join(repoRoot, 'data/test-cache');
const say = (line: string) => process.stdout.write(`${line}\n`);

const LONG = '--long';

type Tally = { passed: number; failed: number };
const tally: Tally = { passed: 0, failed: 0 };

/** One command = one test, unless it reports more by itself. */
async function check(name: string, command: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  const startedMs = performance.now();
  say(`\n▶ ${name}`);
  const code = await runCommandIn(repoRoot, command, args, { env });
  tally[code === 0 ? 'passed' : 'failed'] += 1;
  say(`${code === 0 ? '✓' : '✗'} ${name} (${secondsSince(startedMs)})`);
}

/** Runs some of the spec files; their tests are counted one by one. */
async function jest(part: Omit<JestPart, 'repoRoot' | 'cacheDir'>): Promise<JestRun> {
  const startedMs = performance.now();
  if (part.output !== 'held') say(`\n▶ jest: ${part.name}`);
  const run = await runJest({ repoRoot, cacheDir, ...part });
  tally.passed += run.passed;
  tally.failed += run.failed;
  say(`jest: ${part.name}: ${run.passed} passed (${secondsSince(startedMs)})`);
  return run;
}

function secondsSince(startedMs: number): string {
  return `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
}

async function checkSources(): Promise<void> {
  await check('types', 'tsc', ['-p', '.']);
  await check('types of the API', 'tsc', ['-p', 'apps/api']);
  await check('format', 'prettier', ['--check', '--log-level=warn', '.']);
  // Without a project graph the boundary rule skips itself with a warning, so the graph comes first.
  await check('project graph', 'nx', ['graph', `--file=${join(cacheDir, 'graph.json')}`], { NX_DAEMON: 'false' });
  await check('lint and module boundaries', 'eslint', ['--max-warnings=0', '.']);
  await check('bundles', process.execPath, ['tools/src/build.ts']);
  await check('workflows', process.execPath, ['tools/src/testing/workflow-lint.ts']);
  await check('policies of the stacks', process.execPath, ['tools/src/testing/policy-scan.ts']);
  await check('terraform validate', process.execPath, ['tools/src/testing/terraform-validate.ts']);
}

async function main(args: string[]): Promise<void> {
  const patterns = args.filter((arg) => arg !== LONG);
  const longEnv: Record<string, string> = args.includes(LONG) ? { BPI_TEST_LONG: '1' } : {};
  await mkdir(cacheDir, { recursive: true, mode: 0o700 });
  await checkSources();
  const { env, python, stop } = await startSurroundings({ repoRoot, cacheDir, log: say });
  try {
    await check('brain-mri’s own tests', python, ['-m', 'unittest', 'discover', '-s', 'apps/models/brain-mri/tests']);
    await check('biomedparse’s own tests', process.execPath, ['tools/src/testing/model-tests.ts'], { ...env });
    const elsewhere = ['apps/e2e/src', 'docker', 'protocol-check', 'synthesis-time'];
    // Jest's list options take everything that follows, so patterns come first.
    const ignoring = (paths: string[]) => paths.flatMap((path) => ['--testPathIgnorePatterns', path]);
    // The protocol check keeps one core busy for minutes, so everything else goes on beside it; times are taken last.
    const protocol = jest({
      name: 'protocol',
      args: ['--runInBand', ...only('libs/protocol-check', patterns)],
      env,
      output: 'held',
    });
    const units = await jest({
      name: 'units',
      args: [...patterns, '--maxWorkers=1', ...ignoring(['/node_modules/', ...elsewhere])],
      env: { ...env, ...longEnv },
    });
    const containers = await jest({
      name: 'containers',
      args: [...only('(apps/e2e/src|docker)', patterns), '--runInBand', ...ignoring(['/node_modules/', 'overhead'])],
      env: { ...env, ...longEnv },
    });
    await protocol;
    if (patterns.length === 0) checkParity([...units.tests, ...containers.tests]);
    const times = '(apps/e2e/src/overhead|infra/platform/synthesis-time)';
    await jest({ name: 'times', args: ['--runInBand', ...only(times, patterns)], env });
  } finally {
    await stop();
  }
}

/** Every adapter's suite ran, and none lacks a promise that another's has. */
function checkParity(tests: JestRun['tests']): void {
  const { cells, kept } = parityOf(tests);
  tally[cells > 0 && kept === cells ? 'passed' : 'failed'] += 1;
  say(`\nparity: ${kept} of ${cells} promises kept (the table: npm run parity)`);
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
