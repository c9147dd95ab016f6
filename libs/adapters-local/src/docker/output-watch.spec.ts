import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { exceedsLimits, OUTPUT_LIMITS } from './output-watch.ts';

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
});
