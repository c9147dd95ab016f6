/**
 * The program that runs BiomedParse, through the whole platform and in real containers, around a small untrained
 * network: what its masks look like says nothing, that they come and how they are described does.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Metadata, ResultBody } from '@bpi/job-contract';
import { z } from 'zod';
import { FLAWS, makeStandInCatalogue, STAND_IN, type StandInCatalogue } from './biomedparse-catalogue.ts';
import { python, readArtifacts, startHarness, type Harness } from './harness.ts';

const JOB_TIMEOUT_MS = 120_000;
const SLOTS = 2;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

const modelsSchema = z.object({
  models: z.array(
    z.object({
      name: z.string(),
      title: z.string(),
      evidence: z.string(),
      intended_use: z.string(),
      weights: z.string(),
    }),
  ),
});

describe('BiomedParse’s program around an untrained network', () => {
  let catalogue: StandInCatalogue | undefined;
  let harness: Harness;

  beforeAll(async () => {
    catalogue = await makeStandInCatalogue();
    const limits = { LOCAL_SLOTS: String(SLOTS), OUTPUT_BYTES_MAX: String(OUTPUT_BYTES_MAX) };
    harness = await startHarness({ ...limits, ...catalogue.env });
    await python('make_challenge_volumes.py', harness.dataDir);
  }, 120_000);
  afterAll(async () => {
    await harness.close();
    await catalogue?.remove();
  });

  async function submit(input: string, params: Record<string, unknown> = {}, model: string = STAND_IN) {
    const { job_id: jobId } = await harness.client.infer({ inputPath: harness.input(input), model, params });
    return jobId;
  }

  async function completed(jobId: string): Promise<ResultBody> {
    expect(await harness.finish(jobId)).toMatchObject({ status: 'completed', attempt: 1 });
    return harness.client.result(jobId);
  }

  /** The last thing the model wrote to stderr. */
  async function lastWords(jobId: string): Promise<unknown> {
    const text = await readFile(join(harness.dataDir, 'jobs', jobId, 'attempts/1/logs.txt'), 'utf8');
    return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '');
  }

  it(
    'labels 15 prompts in a CT of the challenge’s shape, twice the same',
    async () => {
      const twins = await Promise.all([submit('abdomen'), submit('abdomen')]);
      const [first, second] = await Promise.all([completed(twins[0]), completed(twins[1])]);

      const facts = await readArtifacts(harness, twins[0]);
      expect(facts).toMatchObject({ keys: ['segs'], shape: [63, 512, 512], dtype: 'uint8', nifti_equals_npz: true });
      expect(facts.zooms.map((zoom) => Number(zoom.toFixed(3)))).toEqual([0.846, 0.846, 5]);
      const { metadata } = first;
      expect(metadata).toMatchObject({
        spacing_mm: [0.846, 0.846, 5],
        spacing_order: 'xyz',
        seed: 0,
        prompts_used: true,
        model_run: { axis: 0, slice_batch_size: 4, out_of_memory_count: 0, device: 'cpu' },
      });
      const asked = Array.from({ length: 15 }, (_, index) => index + 1);
      expect(metadata.labels.map(({ id }) => id)).toEqual(asked);
      expect(facts.labels).toEqual([0, ...idsPresent(metadata)]);
      expect(facts.labels.length).toBeGreaterThan(5);
      for (const { id, existence_score: score } of metadata.labels)
        expect({ id, sure: (score ?? Number.NaN) > 0.5 }).toEqual({ id, sure: id !== 15 });
      expect(metadata.labels.at(-1)).toMatchObject({ id: 15, present: false, voxels: 0, prompt: expect.any(String) });

      expect(maskDigest(second)).toBe(maskDigest(first));
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'keeps the shape of an MR and of an ultrasound volume, and ids that are not in sequence',
    async () => {
      const [head, heart] = await Promise.all([submit('head'), submit('heart')]);
      const results = [await completed(head), await completed(heart)] as const;
      expect(await readArtifacts(harness, head)).toMatchObject({ shape: [70, 218, 182], nifti_equals_npz: true });
      expect(await readArtifacts(harness, heart)).toMatchObject({ shape: [19, 551, 669], nifti_equals_npz: true });
      expect(results[0].metadata.labels.map(({ id }) => id)).toEqual([10, 20, 30, 40]);
      for (const { metadata } of results) expect(idsPresent(metadata).length).toBeGreaterThan(1);
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'gives another mask for another seed, another axis, and for prompts one by one',
    async () => {
      const choices = [{}, { seed: 1 }, { axis: 'y' }, { independent: true }];
      const jobs = await Promise.all(choices.map((params) => submit('small', params)));
      const results = [];
      for (const jobId of jobs) results.push(await completed(jobId));
      expect(new Set(results.map(maskDigest)).size).toBe(choices.length);
      expect(results.map(({ metadata }) => [metadata.seed, metadata.model_run.axis])).toEqual([
        [0, 0],
        [1, 0],
        [0, 1],
        [0, 0],
      ]);
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'gives every object an id of its own where that is asked for',
    async () => {
      const jobId = await submit('cells');
      const { metadata } = await completed(jobId);
      const facts = await readArtifacts(harness, jobId);
      expect(facts).toMatchObject({ shape: [134, 200, 200], dtype: 'uint16', nifti_equals_npz: true });
      expect(facts.labels.length).toBeGreaterThan(10);
      expect(metadata).toMatchObject({
        dtype: 'uint16',
        instance_label: 1,
        instances: { count: facts.labels.length - 1 },
        labels: [{ id: 1, present: true, existence_score: expect.any(Number) }],
      });
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'goes on in smaller batches when memory runs out, and says so',
    async () => {
      const { metadata } = await completed(await submit('small', {}, 'stand-in-one-slice'));
      expect(metadata).toMatchObject({
        model_run: { slice_batch_size: 1, out_of_memory_count: 2 },
        params: { slice_batch_size: 4 },
        warnings: expect.arrayContaining(['memory_back_off']),
      });
    },
    JOB_TIMEOUT_MS,
  );

  it.each(Object.entries(FLAWS))(
    'does not run as %s: %s',
    async (model, reason) => {
      const jobId = await submit('small', {}, model);
      expect(await harness.finish(jobId)).toMatchObject({
        status: 'failed',
        attempt: 1,
        error: { code: 'model_unavailable', fault: 'platform' },
      });
      expect(await lastWords(jobId)).toEqual({ code: 12, reason });
    },
    JOB_TIMEOUT_MS,
  );

  it('is shown as what it is', async () => {
    const answer = await fetch(`${harness.platform.url}/models`);
    const { models } = modelsSchema.parse(await answer.json());
    expect(models.find(({ name }) => name === STAND_IN)).toMatchObject({
      title: expect.stringContaining('NOT BiomedParse'),
      evidence: expect.stringMatching(/NOT BiomedParse.*mean nothing/),
      intended_use: expect.stringContaining('tests'),
      weights: 'pinned',
    });
    expect(models.find(({ name }) => name === 'stand-in-not-pinned')).toMatchObject({ weights: 'not_pinned' });
  });
});

function idsPresent({ labels }: Metadata): number[] {
  return labels.filter(({ present }) => present).map(({ id }) => id);
}

function maskDigest({ artifacts }: ResultBody): string | undefined {
  return artifacts.find(({ name }) => name === 'pred_mask.npz')?.sha256;
}
