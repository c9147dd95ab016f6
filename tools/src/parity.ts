/**
 * Which adapter keeps which promise of its port: `npm run parity`. Runs the conformance suites of all adapters and
 * prints one table per port. Exit 1 if a promise is broken or one adapter's suite lacks it.
 */
import { join } from 'node:path';
import { buildApps } from './build.ts';
import { parityOf } from './testing/parity-table.ts';
import { runJest } from './testing/run-jest.ts';
import { startSurroundings } from './testing/surroundings.ts';

const repoRoot = join(import.meta.dirname, '../..');
const cacheDir = join(repoRoot, 'data/test-cache');
const say = (line: string) => process.stdout.write(`${line}\n`);

try {
  await buildApps(repoRoot);
  const surroundings = await startSurroundings({ repoRoot, cacheDir, log: say });
  try {
    const args = ['libs/port-conformance/src/[a-z-]+\\.spec', '--runInBand'];
    const run = await runJest({ repoRoot, cacheDir, name: 'parity', args, env: surroundings.env });
    const { lines, cells, kept } = parityOf(run.tests);
    say(['', ...lines, '', `${kept} of ${cells} promises kept`].join('\n'));
    process.exitCode = cells > 0 && kept === cells && run.failed === 0 ? 0 : 1;
  } finally {
    await surroundings.stop();
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : 'Something unexpected went wrong.'}\n`);
  process.exitCode = 1;
}
process.exit(process.exitCode);
