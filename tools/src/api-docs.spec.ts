import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { FAILURE_CODES, PROBLEM_CODES } from '@bpi/job-contract';
import { apiDocs } from './api-docs.ts';

const repoRoot = join(import.meta.dirname, '../..');
const RENEW = 'node tools/src/api-docs.ts';

describe('what the repository shows of the API', () => {
  it.each([...apiDocs()])(`is what the contract makes: %s (renewed by \`${RENEW}\`)`, async (path, text) => {
    const shown = await readFile(join(repoRoot, path), 'utf8').catch(() => '');
    if (shown !== text) throw new Error(`${path} is not what the contract makes: run \`${RENEW}\` and commit it.`);
  });

  it('has a row for every code', () => {
    const errors = apiDocs().get('docs/errors.md') ?? '';
    const rows = [...errors.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
    expect(rows).toEqual([...PROBLEM_CODES, ...FAILURE_CODES]);
  });
});
