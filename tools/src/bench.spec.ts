/** The benchmark works: every measurement on tiny data, with figures that nobody judges. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import Dockerode from 'dockerode';

const run = promisify(execFile);
const repoRoot = join(import.meta.dirname, '../..');
const RUN_MS_MAX = 180_000;
/** Lines of the table: one per goal of every measurement. */
const FINDINGS = 17;

let dataDir: string;

beforeAll(async () => {
  const samples = process.env['BPI_TEST_SAMPLES'];
  if (samples === undefined) throw new Error('BPI_TEST_SAMPLES is not set: run these tests by ./tools/test');
  // Beside the samples and kept, so that the Python environment is made once.
  dataDir = join(dirname(samples), 'bench');
  await mkdir(dataDir, { recursive: true });
  await cp(samples, join(dataDir, 'cache/samples'), { recursive: true });
});

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
      const docker = new Dockerode({ socketPath: process.env['BPI_TEST_DOCKER_SOCKET'] ?? '' });
      const mounts = (await docker.listContainers({ all: true })).flatMap(({ Mounts }) => Mounts);
      expect(mounts.filter(({ Source }) => Source?.startsWith(dataDir))).toEqual([]);
    },
    RUN_MS_MAX,
  );

  it('says how it is used when asked for what there is not', async () => {
    const args = [join(repoRoot, 'tools/src/bench.ts'), 'no-such-measurement'];
    await expect(run(process.execPath, args)).rejects.toMatchObject({ stderr: expect.stringContaining('usage:') });
  });
});
