import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { stagerBench, type StagerBench } from './testing/stager-bench.ts';

describe('a work folder', () => {
  let bench: StagerBench;
  beforeEach(async () => {
    bench = await stagerBench({ folders: 'volumes' });
  });
  afterEach(() => bench.close());

  it('keeps the task and the model’s end that were written first', async () => {
    await bench.work.writeTask({ ...bench.task, epoch: 9 });
    expect(await bench.work.task()).toEqual(bench.task);
    const end = { cause: 'exited' as const, exit_code: 0, started_at_ms: null, ended_at_ms: null };
    await Promise.all([0, 1, 2].map(async () => bench.work.writeModelEnd(end)));
    await bench.work.writeModelEnd({ ...end, exit_code: 1 });
    expect(await bench.work.modelEnd()).toEqual(end);
    expect((await readdir(bench.work.path)).sort()).toEqual(['model-end.json', 'task.json']);
  });
});
