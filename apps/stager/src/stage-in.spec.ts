import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { inputKey, jobFileKey } from '@bpi/job-contract';
import { stageIn } from './stage-in.ts';
import { stagerBench, type StagerBench } from './testing/stager-bench.ts';

describe('stage-in', () => {
  let bench: StagerBench;
  afterEach(() => bench.close());

  it('lays out input and params for the model to read, and says so', async () => {
    bench = await stagerBench();
    expect(await stageIn(bench.context, bench.work)).toMatchObject({ result: 'ready' });
    const inputs = bench.work.file('inputs');
    expect((await readFile(join(inputs, 'input.npz'))).length).toBe(bench.jobFile.input.bytes);
    expect(JSON.parse(await readFile(join(inputs, 'params.json'), 'utf8'))).toEqual({ size: 'large' });
    expect((await stat(join(inputs, 'input.npz'))).mode & 0o777).toBe(0o444);
  });

  it('leaves what any user may read, however strict the umask is', async () => {
    bench = await stagerBench();
    const inputs = bench.work.file('inputs');
    const umask = process.umask(0o077);
    try {
      await stageIn(bench.context, bench.work);
    } finally {
      process.umask(umask);
    }
    const modes = await Promise.all(
      [inputs, join(inputs, 'input.npz'), join(inputs, 'params.json')].map((path) => stat(path)),
    );
    expect(modes.map(({ mode }) => mode & 0o777)).toEqual([0o755, 0o444, 0o444]);
  });

  it('lays the smaller settings over the params in the retry after running out of memory', async () => {
    bench = await stagerBench({ task: { shrunk: true } });
    await stageIn(bench.context, bench.work);
    expect(JSON.parse(await readFile(join(bench.work.file('inputs'), 'params.json'), 'utf8'))).toEqual({
      size: 'small',
    });
  });

  it('keeps an earlier verdict when it is run again', async () => {
    bench = await stagerBench();
    const first = await stageIn(bench.context, bench.work);
    await bench.lose(inputKey(bench.task.job_id));
    expect(await stageIn(bench.context, bench.work)).toEqual(first);
  });

  it('can be run again after it was killed before its verdict', async () => {
    bench = await stagerBench();
    await stageIn(bench.context, bench.work);
    await rm(bench.work.file('stageIn'));
    expect(await stageIn(bench.context, bench.work)).toMatchObject({ result: 'ready' });
  });

  it.each([
    [
      'another input than the one that was accepted',
      'input_damaged',
      async () =>
        stagerBench({ jobFile: { input: { bytes: 1, sha256: '0'.repeat(64), shape: [2, 3, 4], dtype: 'uint8' } } }),
    ],
    [
      'a model version that the catalogue no longer has',
      'model_version_gone',
      async () => stagerBench({ task: { model: { name: 'bench', version: '0.9.0' } } }),
    ],
    ...[
      { name: 'bench', version: '1.0.1' },
      { name: 'another', version: '1.0.0' },
    ].map((model): [string, string, () => Promise<StagerBench>] => [
      `a job that wants ${model.name}@${model.version} in a task of bench@1.0.0`,
      'wrong_model',
      async () => stagerBench({ jobFile: { model }, task: { model: { name: 'bench', version: '1.0.0' } } }),
    ]),
  ])('refuses %s', async (_, detail, make) => {
    bench = await make();
    expect(await stageIn(bench.context, bench.work)).toMatchObject({ result: 'failed', detail });
  });

  it.each([
    ['input', 'input_missing', inputKey],
    ['job file', 'job_file_missing', jobFileKey],
  ])('calls a missing %s a fault of the platform', async (_, detail, keyOf) => {
    bench = await stagerBench();
    await bench.lose(keyOf(bench.task.job_id));
    expect(await stageIn(bench.context, bench.work)).toEqual({ result: 'failed', code: 'platform_error', detail });
  });
});
