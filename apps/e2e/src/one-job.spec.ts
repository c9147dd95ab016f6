import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readArtifacts, startHarness, until, type Harness } from './harness.ts';

describe('one job', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  }, 60_000);
  afterAll(() => harness.close());

  it('leaves the layout that the requirement asks for', async () => {
    const { job_id: jobId } = await harness.client.infer({ inputPath: harness.input('prompted'), model: 'echo' });
    await harness.finish(jobId);
    const folder = join(harness.dataDir, 'jobs', jobId);
    await until(
      () => readdir(folder),
      (names) => names.includes('metadata.json'),
    );
    expect((await readdir(folder)).sort()).toEqual(['attempts', 'input', 'metadata.json', 'output', 'status.txt']);
    expect((await readFile(join(folder, 'status.txt'), 'utf8')).trim()).toBe('completed');
    expect((await readdir(join(folder, 'output'))).sort()).toEqual([
      'pred_mask.nii.gz',
      'pred_mask.npz',
      'preview.png',
    ]);
    expect((await readdir(join(folder, 'input'))).sort()).toEqual(['input.npz', 'job.json']);
  }, 60_000);

  it.each(['plain', 'prompted', 'fortran', 'normalized'])(
    'of the input “%s” has artifacts that NumPy and nibabel read',
    async (name) => {
      const { job_id: jobId } = await harness.client.infer({ inputPath: harness.input(name), model: 'echo' });
      expect(await harness.finish(jobId)).toMatchObject({ status: 'completed' });
      const facts = await readArtifacts(harness, jobId);
      expect(facts).toMatchObject({
        keys: ['segs'],
        shape: [6, 20, 30],
        dtype: 'uint8',
        labels: [0, 1],
        nifti_equals_npz: true,
      });
      const { metadata } = await harness.client.result(jobId);
      expect(metadata.labels[0]).toMatchObject({ voxels: 200, bbox: { min: [2, 5, 10], max: [3, 14, 19] } });
    },
    60_000,
  );

  it('in millimetres needs a spacing, and without one says so', async () => {
    const bare = await harness.client.infer({ inputPath: harness.input('plain'), model: 'echo' });
    expect(bare.warnings?.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['spacing_missing', 'orientation_unknown']),
    );
    const spaced = await harness.client.infer({ inputPath: harness.input('prompted'), model: 'echo' });
    await harness.finish(bare.job_id);
    await harness.finish(spaced.job_id);
    expect((await harness.client.result(bare.job_id)).metadata).toMatchObject({
      spacing_mm: null,
      orientation: 'unknown',
      labels: [{ volume_ml: null }],
    });
    expect((await harness.client.result(spaced.job_id)).metadata).toMatchObject({
      spacing_mm: [1, 2, 3],
      labels: [{ volume_ml: 1.2 }],
    });
  }, 60_000);

  it('that is cancelled while it runs ends cancelled, and its container is gone', async () => {
    const { job_id: jobId } = await harness.client.infer({
      inputPath: harness.input('plain'),
      model: 'echo',
      params: { behaviour: 'slow', seconds: 60 },
    });
    await until(
      () => harness.client.status(jobId),
      ({ progress }) => progress !== undefined,
    );
    const answer = await fetch(`${harness.platform.url}/jobs/${jobId}/cancel`, { method: 'POST' });
    expect(answer.status).toBe(202);
    expect(await answer.json()).toMatchObject({ status: 'running', cancel_requested: true });
    expect(await harness.finish(jobId)).toMatchObject({
      status: 'failed',
      error: { code: 'cancelled', fault: 'user' },
    });
    expect(await harness.liveContainers()).toEqual([]);
  }, 60_000);

  it('that is cancelled while it waits never starts', async () => {
    const slow = await harness.client.infer({
      inputPath: harness.input('plain'),
      model: 'echo',
      params: { behaviour: 'slow', seconds: 3 },
    });
    const waiting = await harness.client.infer({ inputPath: harness.input('other'), model: 'echo' });
    expect((await fetch(`${harness.platform.url}/jobs/${waiting.job_id}/cancel`, { method: 'POST' })).status).toBe(202);
    expect(await harness.finish(waiting.job_id)).toMatchObject({
      status: 'failed',
      attempt: 0,
      error: { code: 'cancelled' },
    });
    expect(await harness.finish(slow.job_id)).toMatchObject({ status: 'completed' });
  }, 60_000);

  it('sent four times at once with one Idempotency-Key is one job', async () => {
    const request = { inputPath: harness.input('prompted'), model: 'echo', idempotencyKey: 'four-at-once' };
    const sent = await Promise.all(Array.from({ length: 4 }, () => harness.client.infer(request)));
    expect(new Set(sent.map(({ job_id: jobId }) => jobId)).size).toBe(1);
    const other = { ...request, inputPath: harness.input('other') };
    await expect(harness.client.infer(other)).rejects.toMatchObject({ code: 'idempotency_mismatch' });
  }, 60_000);

  it('in Hounsfield units is refused before anything is stored', async () => {
    await expect(harness.client.infer({ inputPath: harness.input('hounsfield'), model: 'echo' })).rejects.toMatchObject(
      { code: 'intensity_range' },
    );
  });
});
