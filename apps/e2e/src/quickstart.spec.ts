import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { repoRoot, until } from './harness.ts';

const MINUTES_MS = 60_000;

/** The newcomer's command itself, on a data folder of its own. */
describe('quickstart', () => {
  let dataDir: string;
  let quickstart: ChildProcess;
  let said = '';

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'bpi-quickstart-'));
    said = '';
  });
  function start(...options: string[]): void {
    const env = { ...process.env, DOCKER_HOST: `unix://${process.env['BPI_TEST_DOCKER_SOCKET']}` };
    const args = ['tools/src/quickstart.ts', '--once', '--port', '0', '--data', dataDir, ...options];
    quickstart = spawn(process.execPath, args, { cwd: repoRoot, env, stdio: ['ignore', 'pipe', 'pipe'] });
    quickstart.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
    quickstart.stderr?.resume();
  }
  afterEach(async () => {
    quickstart.kill('SIGTERM');
    await rm(dataDir, { recursive: true, force: true });
  });

  const upAt = () =>
    until(
      async () => /run at (http:\S+)/.exec(said)?.[1] ?? '',
      (url) => url !== '',
      MINUTES_MS,
    );
  const answers = (url: string) =>
    fetch(`${url}/health/live`).then(
      () => 'yes',
      () => 'no',
    );

  it.each([{ options: [] }, { options: ['--aws'] }])(
    '$options leaves mask, NIfTI, preview and metadata, prints the volume, and stops what it started',
    async ({ options }) => {
      // The emulator is installed once for all tests.
      await mkdir(join(dataDir, 'cache'), { mode: 0o700 });
      await symlink(join(repoRoot, 'data/test-cache/ministack'), join(dataDir, 'cache/ministack'));
      start(...options);
      const ended = once(quickstart, 'exit');
      const url = await upAt();
      expect(await ended).toEqual([0, null]);
      expect(said).toMatch(/brain volume +\d{3,4} ml/);
      const folder = join(repoRoot, 'results', /Job (\S+):/.exec(said)?.[1] ?? 'none');
      for (const name of ['pred_mask.npz', 'pred_mask.nii.gz', 'preview.png', 'metadata.json'])
        await access(join(folder, name));
      await rm(folder, { recursive: true });
      expect(await answers(url)).toBe('no');
    },
    2 * MINUTES_MS,
  );

  it.each(['SIGTERM', 'a reader that goes away'])(
    'ended by %s stops API and worker all the same',
    async (end) => {
      start();
      const ended = once(quickstart, 'exit');
      const url = await upAt();
      if (end === 'SIGTERM') quickstart.kill('SIGTERM');
      else quickstart.stdout?.destroy();
      expect(await ended).toEqual([end === 'SIGTERM' ? 0 : 1, null]);
      expect(await answers(url)).toBe('no');
    },
    2 * MINUTES_MS,
  );
});
