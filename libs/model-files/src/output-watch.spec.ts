import { execFile } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { exceedsLimits, OUTPUT_LIMITS } from './output-watch.ts';
import { removeTree } from './remove-tree.ts';

const NOBODY = 65_534;

/** Permissions mean nothing to root, so what they do is looked at as somebody else. */
async function withoutRoot(work: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(NOBODY);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe('measuring an output folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bpi-output-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('counts what lies there, in folders too', async () => {
    await mkdir(join(folder, 'a'));
    await writeFile(join(folder, 'a', 'mask'), Buffer.alloc(40_000));
    expect(await exceedsLimits(folder, 60_000)).toBe(false);
    expect(await exceedsLimits(folder, 40_000)).toBe(true); // the folder itself takes room as well
  });

  it('counts a sparse file with its length', async () => {
    await writeFile(join(folder, 'sparse'), '');
    await truncate(join(folder, 'sparse'), 1_000_000);
    expect(await exceedsLimits(folder, 999_999)).toBe(true);
  });

  it('follows no link, and finds nothing in a folder that is gone', async () => {
    await symlink('/', join(folder, 'root'));
    expect(await exceedsLimits(folder, 10_000)).toBe(false);
    expect(await exceedsLimits(join(folder, 'gone'), 0)).toBe(false);
  });

  it('refuses folders nested too deep', async () => {
    const nested = (depth: number) => join(folder, ...Array<string>(depth).fill('d'));
    await mkdir(nested(OUTPUT_LIMITS.depthMax), { recursive: true });
    expect(await exceedsLimits(folder, 1_000_000)).toBe(false);
    await mkdir(nested(OUTPUT_LIMITS.depthMax + 1));
    expect(await exceedsLimits(folder, 1_000_000)).toBe(true);
  });

  it('refuses a path that is too long to be looked at', async () => {
    const run = promisify(execFile);
    const name = 'd'.repeat(255);
    const deeper = `fs.mkdirSync('${name}'); process.chdir('${name}')`;
    const nest = `process.chdir(process.argv[1]); for (let n = 0; n < ${OUTPUT_LIMITS.depthMax}; n += 1) { ${deeper}; }`;
    try {
      await run(process.execPath, ['-e', nest, folder]);
      expect(await exceedsLimits(folder, 1_000_000)).toBe(true);
    } finally {
      await run('rm', ['-rf', join(folder, name)]);
    }
  });

  it.each([
    ['listed', 0o300],
    ['entered', 0o600],
  ])('refuses a folder that cannot be %s: anything may lie in it', async (_, mode) => {
    await chmod(folder, 0o777);
    await withoutRoot(async () => {
      const hidden = join(folder, 'hidden');
      await mkdir(hidden);
      await writeFile(join(hidden, 'large'), Buffer.alloc(40_000));
      await chmod(hidden, mode);
      expect(await exceedsLimits(folder, 20_000)).toBe(true);
    });
  });

  it('removes folders that are closed to their owner', async () => {
    await chmod(folder, 0o777);
    const top = join(folder, 'top');
    await withoutRoot(async () => {
      await mkdir(join(top, 'closed', 'closed'), { recursive: true });
      await writeFile(join(top, 'closed', 'closed', 'file'), '');
      await symlink('/', join(top, 'closed', 'link'));
      await chmod(join(top, 'closed', 'closed'), 0);
      await chmod(join(top, 'closed'), 0o300);
      await removeTree(top);
    });
    await expect(access(top)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
