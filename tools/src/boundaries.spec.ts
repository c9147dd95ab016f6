/** A rule is only worth something if it bites: plants one violation each, lints once, expects every complaint. */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';

const repoRoot = join(import.meta.dirname, '../..');

const BOUNDARY = '@nx/enforce-module-boundaries';
const PLANTS = [
  { folder: 'libs/job-contract', text: "import { decide } from '@bpi/jobs';\nvoid decide;\n", rule: BOUNDARY },
  { folder: 'libs/jobs', text: "import { z } from 'zod';\nvoid z;\n", rule: BOUNDARY },
  {
    folder: 'libs/jobs',
    text: "import { SqliteJobStore } from '@bpi/adapters-local';\nvoid SqliteJobStore;\n",
    rule: BOUNDARY,
  },
  { folder: 'libs/volumes', text: "import { LIMITS } from '@bpi/job-contract';\nvoid LIMITS;\n", rule: BOUNDARY },
  { folder: 'libs/adapters-local', text: "import { readMask } from '@bpi/volumes';\nvoid readMask;\n", rule: BOUNDARY },
  { folder: 'apps/worker', text: "import { Module } from '@nestjs/common';\nvoid Module;\n", rule: BOUNDARY },
  {
    folder: 'apps/stager',
    text: "import { describeJobStore } from '@bpi/port-conformance';\nvoid describeJobStore;\n",
    rule: BOUNDARY,
  },
  { folder: 'libs/jobs', text: 'const one = 1;\nexport default one;\n', rule: 'no-restricted-exports' },
  { folder: 'libs/jobs', text: 'export const home = process.env;\n', rule: 'no-restricted-properties' },
  {
    folder: 'libs/jobs',
    text: 'export const loose = (value: any): unknown => value;\n',
    rule: '@typescript-eslint/no-explicit-any',
  },
].map((plant, number) => ({ ...plant, path: join(repoRoot, plant.folder, `src/planted-violation-${number}.ts`) }));

const reportSchema = z.array(
  z.object({ filePath: z.string(), messages: z.array(z.object({ ruleId: z.string().nullable() })) }),
);

describe('the lint rules', () => {
  const complaints = new Map<string, (string | null)[]>();

  beforeAll(() => {
    for (const { path, text } of PLANTS) writeFileSync(path, text);
    const eslint = spawnSync('node_modules/.bin/eslint', ['--format=json', ...PLANTS.map(({ path }) => path)], {
      cwd: repoRoot,
      encoding: 'utf8',
    });
    for (const { filePath, messages } of reportSchema.parse(JSON.parse(eslint.stdout))) {
      complaints.set(
        filePath,
        messages.map(({ ruleId }) => ruleId),
      );
    }
  }, 120_000);
  afterAll(() => {
    for (const { path } of PLANTS) rmSync(path, { force: true });
  });

  it.each(PLANTS)('refuse in $folder: $text', ({ path, rule }) => {
    expect(complaints.get(path)).toContain(rule);
  });
});
