import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ARTIFACT_NAMES,
  attemptArtifactKey,
  jobFileKey,
  jobFileSchema,
  LIMITS,
  logsKey,
  metadataSchema,
} from '@bpi/job-contract';
import { Catalogue, readReport, readText } from '@bpi/jobs';
import { stageIn } from './stage-in.ts';
import { stageOut } from './stage-out.ts';
import { MANIFEST, stagerBench, type StagerBench } from './testing/stager-bench.ts';

const GOOD_MASK = [0, 1, 1, 3, ...Array<number>(20).fill(0)];

describe('stage-out', () => {
  let bench: StagerBench;
  afterEach(() => bench.close());

  const report = () => readReport(bench.context.objects, bench.task.job_id, bench.task.epoch);
  async function staged(changes: Parameters<typeof stagerBench>[0] = {}): Promise<void> {
    bench = await stagerBench(changes);
    await stageIn(bench.context, bench.work);
  }

  it('stores every artifact and then a report that names them', async () => {
    await staged();
    await bench.writeMask(GOOD_MASK);
    await bench.endModel({});
    await writeFile(bench.work.file('logs'), 'a line of the model');
    expect(await stageOut(bench.context, bench.work)).toBe('stored');
    const stored = await report();
    if (stored?.result !== 'stored') throw new Error('expected a stored report');
    expect(stored.manifest.map(({ name }) => name)).toEqual([...ARTIFACT_NAMES]);
    for (const { key, bytes, sha256 } of stored.manifest) {
      expect(await bench.context.objects.head(key)).toEqual({ bytes, sha256 });
    }
    expect(await readText(bench.context.objects, logsKey(bench.task.job_id, 1), 1_000)).toBe('a line of the model');
  });

  it('describes the mask in millilitres, with every label that was asked for', async () => {
    await staged();
    await bench.writeMask(GOOD_MASK);
    await bench.endModel({});
    await stageOut(bench.context, bench.work);
    const text = await readText(
      bench.context.objects,
      attemptArtifactKey(bench.task.job_id, 1, 'metadata.json'),
      100_000,
    );
    const metadata = metadataSchema.parse(JSON.parse(text ?? ''));
    expect(metadata.labels).toMatchObject([
      { id: 1, prompt: 'one', voxels: 2, volume_ml: 0.02, present: true, bbox: { min: [0, 0, 1], max: [0, 0, 2] } },
      { id: 3, prompt: 'three', voxels: 1, volume_ml: 0.01, present: true },
    ]);
    expect(metadata).toMatchObject({ prompts_used: true, orientation: 'unknown', timings: { model_ms: 2_000 } });
  });

  it.each([
    [{ file: 'bench.ckpt', sha256: 'ab'.repeat(32) }, 'ab'.repeat(32)],
    [{ file: 'bench.ckpt', sha256: null }, null],
    [null, null],
  ])('with weights %j in the manifest names them by %s', async (weights, named) => {
    await staged();
    await bench.writeMask(GOOD_MASK);
    await bench.endModel({});
    await stageOut({ ...bench.context, catalogue: new Catalogue([{ ...MANIFEST, weights }]) }, bench.work);
    const key = attemptArtifactKey(bench.task.job_id, 1, 'metadata.json');
    const text = await readText(bench.context.objects, key, LIMITS.metadataBytesMax);
    expect(JSON.parse(text ?? '')).toMatchObject({ model: { name: 'bench', weights_sha256: named } });
  });

  it('counts an empty mask as a result: nothing found is an answer', async () => {
    await staged();
    await bench.writeMask(Array<number>(24).fill(0));
    await bench.endModel({});
    expect(await stageOut(bench.context, bench.work)).toBe('stored');
  });

  it.each([
    [{ exit_code: 1 }, 'model_error', 'exit_1'],
    [{ exit_code: 10 }, 'invalid_input', 'exit_10'],
    [{ exit_code: 11 }, 'out_of_memory', 'exit_11'],
    [{ exit_code: 12 }, 'model_unavailable', 'exit_12'],
    [{ exit_code: 13 }, 'model_unavailable', 'exit_13'],
    [{ exit_code: 137 }, 'platform_error', 'exit_137'],
    [{ exit_code: null }, 'platform_error', 'exit_code_unknown'],
    [{ cause: 'out_of_memory', exit_code: 137 }, 'out_of_memory', 'memory_limit'],
    [{ cause: 'output_too_large', exit_code: 137 }, 'invalid_output', 'output_too_large'],
    [{ cause: 'image_unavailable', exit_code: null }, 'model_unavailable', 'image_unavailable'],
    [{ cause: 'device_unavailable', exit_code: null }, 'model_unavailable', 'device_unavailable'],
    [{ cause: 'not_started', exit_code: null }, 'platform_error', 'not_started'],
  ] as const)('reports a model that ended with %j as %s, also if it left a mask', async (end, code, detail) => {
    await staged();
    await bench.writeMask(GOOD_MASK);
    await bench.endModel(end);
    await stageOut(bench.context, bench.work);
    expect(await report()).toMatchObject({ result: 'failed', code, detail });
  });

  it('refuses a mask that is missing, a link, or holds a label nobody asked for', async () => {
    await staged();
    await bench.endModel({});
    await stageOut(bench.context, bench.work);
    expect(await report()).toMatchObject({ code: 'invalid_output', detail: 'mask_missing' });
    await bench.close();

    await staged();
    await symlink('/etc/hostname', join(bench.work.file('outputs'), 'input.npz'));
    await bench.endModel({});
    await stageOut(bench.context, bench.work);
    expect(await report()).toMatchObject({ code: 'invalid_output', detail: 'file_not_regular' });
    await bench.close();

    await staged();
    await bench.writeMask(GOOD_MASK.with(0, 2));
    await bench.endModel({});
    await stageOut(bench.context, bench.work);
    expect(await report()).toMatchObject({ code: 'invalid_output', detail: 'mask_labels' });
  });

  it('passes on the verdict of a stage-in that failed', async () => {
    bench = await stagerBench({ task: { model: { name: 'bench', version: '0.9.0' } } });
    await stageIn(bench.context, bench.work);
    await stageOut(bench.context, bench.work);
    expect(await report()).toMatchObject({ result: 'failed', code: 'model_unavailable', detail: 'model_version_gone' });
  });

  it('stores no mask of another model than the job wants', async () => {
    await staged();
    await bench.writeMask(GOOD_MASK);
    await bench.endModel({});
    const { objects } = bench.context;
    const key = jobFileKey(bench.task.job_id);
    const jobFile = jobFileSchema.parse(JSON.parse((await readText(objects, key, LIMITS.jobFileBytesMax)) ?? ''));
    await objects.put(key, Buffer.from(JSON.stringify({ ...jobFile, model: { name: 'bench', version: '2.0.0' } })), {
      ifAbsent: false,
    });
    await stageOut(bench.context, bench.work);
    expect(await report()).toMatchObject({ result: 'failed', code: 'model_unavailable', detail: 'wrong_model' });
  });

  it('after being killed half-way stores the rest and keeps what lies there', async () => {
    await staged();
    await bench.writeMask(GOOD_MASK);
    await bench.endModel({});
    const key = attemptArtifactKey(bench.task.job_id, 1, 'metadata.json');
    await bench.context.objects.put(key, Buffer.from('{"from":"the killed one"}'), { ifAbsent: true });
    await stageOut(bench.context, bench.work);
    const stored = await report();
    if (stored?.result !== 'stored') throw new Error('expected a stored report');
    const entry = stored.manifest.find(({ name }) => name === 'metadata.json');
    expect(entry).toMatchObject((await bench.context.objects.head(key)) ?? {});
    expect(await readText(bench.context.objects, key, 1_000)).toBe('{"from":"the killed one"}');
  });

  it('leaves a report that is there alone', async () => {
    await staged();
    await bench.endModel({ exit_code: 1 });
    await stageOut(bench.context, bench.work);
    await bench.writeMask(GOOD_MASK);
    await bench.endModel({ exit_code: 0 });
    expect(await stageOut(bench.context, bench.work)).toBe('present');
    expect(await report()).toMatchObject({ code: 'model_error' });
  });
});
