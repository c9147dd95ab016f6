import { spawnSync } from 'node:child_process';
import { mkdir, open, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LIMITS, logsKey } from '@bpi/job-contract';
import { readText } from '@bpi/jobs';
import { storeLogs } from './model-logs.ts';
import { stagerBench, type StagerBench } from './testing/stager-bench.ts';

describe('the log that a model could reach', () => {
  let bench: StagerBench;
  let path: string;
  beforeEach(async () => {
    bench = await stagerBench({ folders: 'volumes' });
    path = bench.work.file('logs');
  });
  afterEach(() => bench.close());

  const stored = async () => {
    await storeLogs(bench.context, bench.work, bench.task);
    return readText(bench.context.objects, logsKey(bench.task.job_id, 1), 2 * LIMITS.modelLogBytesMax);
  };

  it('is stored as it is', async () => {
    await writeFile(path, 'a line\n');
    expect(await stored()).toBe('a line\n');
  });

  it.each<[string, () => Promise<unknown>]>([
    ['is not there', async () => {}],
    ['is a link to a file', async () => symlink('/etc/hostname', path)],
    ['is a pipe that nobody writes', async () => spawnSync('mkfifo', [path])],
    ['is a folder', async () => mkdir(path)],
  ])('is none where it %s', async (_, make) => {
    await make();
    expect(await stored()).toBeNull();
  });

  it('is cut where it is longer than it may be', async () => {
    const file = await open(path, 'wx');
    await file.write('begin');
    await file.truncate(1024 ** 3);
    await file.close();
    const text = await stored();
    expect(text).toHaveLength(LIMITS.modelLogBytesMax);
    expect(text).toMatch(/^begin/);
  });
});
