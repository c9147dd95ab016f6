/** The benchmark works: every measurement on tiny data, with figures that nobody judges. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const repoRoot = join(import.meta.dirname, '../..');
const RUN_MS_MAX = 180_000;
/** Lines of the table: one per goal of every measurement. */
const FINDINGS = 17;

let dataDir: string;

beforeAll(async () => {
  const samples = process.env['BPI_TEST_SAMPLES'];
  if (samples === undefined) throw new Error('BPI_TEST_SAMPLES is not set: run these tests by ./tools/test');
  dataDir = await mkdtemp(join(tmpdir(), 'bpi-bench-spec-'));
  await mkdir(join(dataDir, 'cache'));
  // What takes long to make is kept beside the samples, for the next run.
  await symlink(samples, join(dataDir, 'cache/samples'));
  const python = join(dirname(samples), 'bench-python');
  await mkdir(python, { recursive: true });
  await symlink(python, join(dataDir, 'cache/bench-python'));
});

afterAll(() => rm(dataDir, { recursive: true, force: true }));

describe('tools/bench --small', () => {
  it(
    'measures everything once and leaves nothing behind',
    async () => {
      const args = [join(repoRoot, 'tools/src/bench.ts'), '--small', '--built', '--data', dataDir];
      const { stdout } = await run(process.execPath, args, { timeout: RUN_MS_MAX });
      const lines = stdout.split('\n').filter((line) => line.startsWith('| '));
      expect(lines).toHaveLength(FINDINGS + 2);
      expect(lines.filter((line) => line.includes('?') || line.includes('NaN'))).toEqual([]);
      expect(await readdir(dataDir)).toEqual(['cache']);
    },
    RUN_MS_MAX,
  );

  it('says how it is used when asked for what there is not', async () => {
    const args = [join(repoRoot, 'tools/src/bench.ts'), 'no-such-measurement'];
    await expect(run(process.execPath, args)).rejects.toMatchObject({ stderr: expect.stringContaining('usage:') });
  });
});
