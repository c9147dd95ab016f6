import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inputKey, jobFileKey, jobFileSchema, submittedSchema, type JobFile, type JobId } from '@bpi/job-contract';
import { readText } from '@bpi/jobs';
import {
  inferForm,
  leftovers,
  postInfer,
  problemOf,
  startTestApi,
  submit,
  type TestApi,
} from './testing/api-harness.ts';
import { float32Imgs, npzOf, promptsMember, spacingMember, uint8Imgs, usualNpz } from './testing/npz.ts';

const AFFINE = [
  [-2, 0, 0, 10],
  [0, 3, 0, 20],
  [0, 0, 4, 30],
  [0, 0, 0, 1],
];

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ settings: { uploadsPerClientMax: 16 } });
});
afterAll(async () => api.close());

async function jobFileOf(jobId: JobId): Promise<JobFile> {
  return jobFileSchema.parse(JSON.parse((await readText(api.ports.objects, jobFileKey(jobId), 1_000_000)) ?? ''));
}

async function warningsOf(form: FormData): Promise<string[]> {
  const response = await postInfer(api, form);
  return (submittedSchema.parse(await response.json()).warnings ?? []).map(({ code }) => code);
}

describe('POST /infer accepts', () => {
  it('a volume, stores it rebuilt, and wakes the worker', async () => {
    const response = await postInfer(api, inferForm({ external_job_id: 'PACS 17' }));
    expect(response.status).toBe(202);
    const { job_id: jobId } = submittedSchema.parse(await response.json());
    expect(response.headers.get('location')).toBe(`/status/${jobId}`);
    const stored = await api.ports.store.get(jobId);
    expect(stored?.job).toMatchObject({ phase: 'queued', clientId: 'local', externalJobId: 'PACS 17', pool: 'cpu' });
    expect(await api.ports.objects.head(inputKey(jobId))).toMatchObject({ sha256: stored?.job.inputSha256 });
    expect(await jobFileOf(jobId)).toMatchObject({
      model: { name: 'fixed', version: '1.2.3' },
      params: { resolution: 'half', rounds: 3 },
      spacing_mm: [0.5, 0.75, 2],
      affine: null,
      prompts: null,
      input: { shape: [4, 6, 8], dtype: 'uint8' },
    });
    const signal = AbortSignal.timeout(5_000);
    const deliveries = await api.ports.queue.receive({ max: 10, waitMs: 0, signal });
    expect(deliveries.map((delivery) => delivery.jobId)).toContain(jobId);
    expect((await leftovers(api)).scratch).toEqual([]);
  });

  it('fields before and after the file', async () => {
    const form = new FormData();
    form.set('params', '{"rounds":5}');
    form.set('file', new File([Uint8Array.from(usualNpz())], 'a.npz'));
    form.set('external_job_id', 'x');
    expect((await jobFileOf(await submit(api, form))).params).toEqual({ resolution: 'half', rounds: 5 });
  });

  it('a JSON field whose part says that it is JSON, as generated clients send it', async () => {
    const boundary = 'json-part';
    const file = 'Content-Disposition: form-data; name="file"; filename="a.npz"\r\n\r\n';
    const params =
      'Content-Disposition: form-data; name="params"\r\nContent-Type: application/json\r\n\r\n{"rounds":7}';
    const body = Buffer.concat([
      Buffer.from(`--${boundary}\r\n${params}\r\n--${boundary}\r\n${file}`),
      usualNpz(),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
    const headers = { 'Content-Type': `multipart/form-data; boundary=${boundary}` };
    const response = await fetch(`${api.url}/infer`, { method: 'POST', headers, body });
    const { job_id: jobId } = submittedSchema.parse(await response.json());
    expect((await jobFileOf(jobId)).params).toEqual({ resolution: 'half', rounds: 7 });
  });

  it('prompts for a prompted model, which goes to the GPU pool', async () => {
    const file = npzOf(uint8Imgs(), [promptsMember({ 1: 'liver', 7: 'left kidney', instance_label: 0 })]);
    const jobId = await submit(api, inferForm({ model: 'prompted' }, file));
    expect((await api.ports.store.get(jobId))?.job.pool).toBe('gpu');
    expect((await jobFileOf(jobId)).prompts).toEqual({
      labels: [
        { id: 1, prompt: 'liver' },
        { id: 7, prompt: 'left kidney' },
      ],
      instance_label: 0,
    });
  });

  it('spacing in the order z, y, x', async () => {
    const jobFile = await jobFileOf(await submit(api, inferForm({ geometry: '{"spacing_order":"zyx"}' })));
    expect(jobFile).toMatchObject({ spacing_mm: [2, 0.75, 0.5], spacing_order: 'zyx' });
  });

  it('an affine, which gives the spacing', async () => {
    const file = npzOf(uint8Imgs());
    const geometry = JSON.stringify({ affine: AFFINE });
    const jobFile = await jobFileOf(await submit(api, inferForm({ geometry }, file)));
    expect(jobFile).toMatchObject({ spacing_mm: [2, 3, 4], affine: AFFINE, warnings: [] });
  });
});

describe('POST /infer warns', () => {
  it('of missing spacing and orientation', async () => {
    expect(await warningsOf(inferForm({}, npzOf(uint8Imgs())))).toEqual(['spacing_missing', 'orientation_unknown']);
  });

  it('of an affine that contradicts the spacing, not of one that agrees within 1 %', async () => {
    const geometry = JSON.stringify({ affine: AFFINE });
    expect(await warningsOf(inferForm({ geometry }))).toEqual(['spacing_differs_from_affine']);
    const file = npzOf(uint8Imgs(), [spacingMember([2.01, 3, 4])]);
    expect(await warningsOf(inferForm({ geometry }, file))).toEqual([]);
  });

  it('of prompts that a fixed-label model does not use, and of scaled intensities', async () => {
    const imgs = float32Imgs((index) => (index % 11) / 10);
    const file = npzOf(imgs, [spacingMember([1, 1, 1]), promptsMember({ 1: 'brain' })]);
    const warnings = ['intensity_scaled', 'orientation_unknown', 'prompts_ignored'];
    expect(await warningsOf(inferForm({}, file))).toEqual(warnings);
  });
});

describe('Idempotency-Key', () => {
  const key = (text: string): Record<string, string> => ({ 'Idempotency-Key': text });

  it('makes one job of ten requests at the same time', async () => {
    const before = (await leftovers(api)).jobs;
    const responses = await Promise.all(Array.from({ length: 10 }, () => postInfer(api, inferForm(), key('ten'))));
    const bodies = await Promise.all(responses.map(async (response) => submittedSchema.parse(await response.json())));
    const ids = bodies.map((body) => body.job_id);
    expect(responses.map(({ status }) => status)).toEqual(Array(10).fill(202));
    expect(new Set(ids).size).toBe(1);
    const replayed = responses.filter((response) => response.headers.get('idempotency-replayed') === 'true');
    expect(replayed).toHaveLength(9);
    const after = await leftovers(api);
    expect(after.jobs).toBe(before + 1);
    expect(after.folders).toHaveLength(after.jobs);
    expect(after.scratch).toEqual([]);
  });

  it('refuses another payload under a used key: params, external id, voxels', async () => {
    await submit(api, inferForm(), key('once'));
    const forms = [
      inferForm({ params: '{"rounds":9}' }),
      inferForm({ external_job_id: 'other' }),
      inferForm({ geometry: '{"spacing_order":"zyx"}' }),
      inferForm(
        {},
        npzOf(
          float32Imgs((index) => index),
          [spacingMember([0.5, 0.75, 2])],
        ),
      ),
    ];
    for (const form of forms) {
      const response = await postInfer(api, form, key('once'));
      expect([response.status, (await problemOf(response)).code]).toEqual([422, 'idempotency_mismatch']);
    }
  });

  it('does not tell defaults that were spelled out from those that were not', async () => {
    const first = await submit(api, inferForm(), key('defaults'));
    expect(await submit(api, inferForm({ model: 'fixed', params: '{"rounds":3}' }), key('defaults'))).toBe(first);
  });

  it('is free again after a refused upload', async () => {
    expect((await postInfer(api, inferForm({}, Buffer.from('no zip')), key('retry'))).status).toBe(422);
    await submit(api, inferForm(), key('retry'));
  });

  it.each(['', 'two words', 'ü', 'x'.repeat(129)])('is refused if malformed (%#)', async (text) => {
    const response = await postInfer(api, inferForm(), { 'Idempotency-Key': Buffer.from(text).toString('latin1') });
    expect([response.status, (await problemOf(response)).code]).toEqual([400, 'idempotency_key_invalid']);
  });
});
