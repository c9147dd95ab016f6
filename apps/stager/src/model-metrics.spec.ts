import { execFile } from 'node:child_process';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { attemptArtifactKey, LIMITS, metadataSchema, type Metadata } from '@bpi/job-contract';
import { readText } from '@bpi/jobs';
import { stageIn } from './stage-in.ts';
import { stageOut } from './stage-out.ts';
import { stagerBench, type StagerBench } from './testing/stager-bench.ts';

const GOOD_MASK = [0, 1, 1, 3, ...Array<number>(20).fill(0)];
const REPORT = {
  prompts: [
    { id: 1, existence_score: 0.93, voxels: 2 },
    { id: 2, existence_score: 0.5 },
  ],
  seed: 7,
  axis: 0,
  slice_batch_size: 2,
  slice_batch_size_asked: 4,
  out_of_memory_count: 1,
  device: 'cpu',
  seconds: { load: 1.2 },
};
const NOTHING = { axis: null, slice_batch_size: null, out_of_memory_count: null, device: null };

describe('what a model reports beside its mask', () => {
  let bench: StagerBench;
  afterEach(() => bench.close());

  /** The metadata of a job whose model ended well and left `metrics.json` as the test wants it. */
  async function metadataOf(
    write: (path: string) => Promise<unknown>,
    changes: Parameters<typeof stagerBench>[0] = {},
  ): Promise<Metadata> {
    bench = await stagerBench(changes);
    await stageIn(bench.context, bench.work);
    await bench.writeMask(changes.jobFile?.prompts === null ? GOOD_MASK.map((id) => Math.min(id, 1)) : GOOD_MASK);
    await write(join(bench.work.file('outputs'), 'metrics.json'));
    await bench.endModel({});
    expect(await stageOut(bench.context, bench.work)).toBe('stored');
    const key = attemptArtifactKey(bench.task.job_id, 1, 'metadata.json');
    const text = await readText(bench.context.objects, key, LIMITS.metadataBytesMax);
    return metadataSchema.parse(JSON.parse(text ?? ''));
  }
  const reporting = (report: object) => (path: string) => writeFile(path, JSON.stringify(report));
  const scoresOf = ({ labels }: Metadata) => labels.map((label) => [label.id, label.existence_score]);

  it('is shown to the client: its scores of what was asked for, and how it ran', async () => {
    const metadata = await metadataOf(reporting(REPORT));
    expect(scoresOf(metadata)).toEqual([
      [1, 0.93],
      [3, null],
    ]);
    expect(metadata).toMatchObject({
      seed: 7,
      model_run: { axis: 0, slice_batch_size: 2, out_of_memory_count: 1, device: 'cpu' },
      warnings: ['memory_back_off'],
    });
    expect(JSON.stringify(metadata)).not.toContain('0.5');
  });

  it('keeps its scores in instance mode, one entry per prompt', async () => {
    const prompts = {
      labels: [
        { id: 1, prompt: 'cell' },
        { id: 3, prompt: 'nucleus' },
      ],
      instance_label: 1 as const,
    };
    const metadata = await metadataOf(reporting(REPORT), { jobFile: { prompts } });
    expect(metadata.instances).toMatchObject({ count: 2 });
    expect(scoresOf(metadata)).toEqual([
      [1, 0.93],
      [3, null],
    ]);
  });

  it('may be nothing at all: the seed is then the one that was asked for', async () => {
    const metadata = await metadataOf(async () => {}, { jobFile: { params: { size: 'large', seed: 11 } } });
    expect(metadata).toMatchObject({ seed: 11, model_run: NOTHING, warnings: [] });
    expect(scoresOf(metadata)).toEqual([
      [1, null],
      [3, null],
    ]);
    await bench.close();
    expect(await metadataOf(async () => {}, { jobFile: { params: { seed: 0.5 } } })).toMatchObject({ seed: null });
  });

  it('tells of no batches that were made smaller when memory never ran out', async () => {
    expect((await metadataOf(reporting({ out_of_memory_count: 0 }))).warnings).toEqual([]);
  });

  it('has no scores where there were no prompts', async () => {
    const metadata = await metadataOf(reporting(REPORT), { jobFile: { prompts: null } });
    expect(metadata.labels).toHaveLength(1);
    expect(metadata.labels[0]).not.toHaveProperty('existence_score');
  });

  it.each<[string, (path: string) => Promise<unknown>]>([
    ['half of it', (path) => writeFile(path, '{"prompts": [')],
    ['numbers out of range', reporting({ ...REPORT, axis: 3 })],
    ['too many brackets', (path) => writeFile(path, '['.repeat(LIMITS.metricsBytesMax))],
    [
      'a file that is too large',
      async (path) => {
        await writeFile(path, JSON.stringify(REPORT));
        await truncate(path, LIMITS.metricsBytesMax + 1);
      },
    ],
    [
      'whitespace beyond the limit',
      (path) => writeFile(path, JSON.stringify(REPORT).padEnd(LIMITS.metricsBytesMax + 1)),
    ],
    [
      'a link to one that is well-formed',
      async (path) => {
        await writeFile(`${path}.real`, JSON.stringify(REPORT));
        await symlink(`${path}.real`, path);
      },
    ],
    ['a pipe that nobody writes to', (path) => promisify(execFile)('mkfifo', [path])],
    ['a folder', (path) => mkdir(path)],
  ])('is not believed if it is %s, and the mask stands', async (_, write) => {
    const metadata = await metadataOf(write);
    expect(metadata).toMatchObject({ seed: null, model_run: NOTHING, warnings: ['metrics_unreadable'] });
    expect(scoresOf(metadata)).toEqual([
      [1, null],
      [3, null],
    ]);
  });
});
