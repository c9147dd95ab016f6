import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LIMITS } from '@bpi/job-contract';
import { startHarness, type Harness } from './harness.ts';

const JOB_TIMEOUT_MS = 90_000;

/** What a model may do wrong, and what its job must then say. */
const MISDEEDS = [
  { behaviour: 'exit', params: { exit_code: 1 }, code: 'model_error', fault: 'model' },
  { behaviour: 'exit', params: { exit_code: 10 }, code: 'invalid_input', fault: 'user' },
  { behaviour: 'exit', params: { exit_code: 12 }, code: 'model_unavailable', fault: 'platform' },
  { behaviour: 'hang', params: {}, code: 'attempt_timeout', fault: 'model' },
  { behaviour: 'eat_memory', params: {}, code: 'out_of_memory', fault: 'model' },
  { behaviour: 'write_nothing', params: {}, code: 'invalid_output', fault: 'model' },
  { behaviour: 'write_garbage', params: {}, code: 'invalid_output', fault: 'model' },
  { behaviour: 'write_links', params: {}, code: 'invalid_output', fault: 'model' },
  { behaviour: 'write_too_much', params: {}, code: 'invalid_output', fault: 'model' },
  { behaviour: 'wrong_shape', params: {}, code: 'invalid_output', fault: 'model' },
  { behaviour: 'wrong_labels', params: {}, code: 'invalid_output', fault: 'model' },
  { behaviour: 'object_array', params: {}, code: 'invalid_output', fault: 'model' },
  { behaviour: 'huge_npz', params: {}, code: 'invalid_output', fault: 'model' },
  { behaviour: 'fifo', params: {}, code: 'invalid_output', fault: 'model' },
] as const;

describe('a model that misbehaves', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({ LOCAL_SLOTS: '3' });
  }, 60_000);
  afterAll(() => harness.close());

  async function submit(params: Record<string, unknown>) {
    const { job_id: jobId } = await harness.client.infer({ inputPath: harness.input('plain'), model: 'echo', params });
    return jobId;
  }

  it.each(MISDEEDS)(
    'that does “$behaviour” $params fails as $code',
    async ({ behaviour, params, code, fault }) => {
      const status = await harness.finish(await submit({ behaviour, ...params }));
      expect(status).toMatchObject({ status: 'failed', error: { code, fault } });
      expect(await harness.liveContainers()).toEqual([]);
      const next = await harness.finish(await submit({ behaviour: 'mask' }));
      expect(next.status).toBe('completed');
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'that forks without end takes no more processes than it may, and fails',
    async () => {
      const status = await harness.finish(await submit({ behaviour: 'fork_bomb' }));
      expect(status).toMatchObject({ status: 'failed', error: { fault: 'model' } });
      expect(await harness.liveContainers()).toEqual([]);
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'that tries the network reaches nothing',
    async () => {
      // The model completes only if every attempt to reach something failed.
      const status = await harness.finish(await submit({ behaviour: 'network' }));
      expect(status.status).toBe('completed');
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'that floods its log completes, and the log is cut off',
    async () => {
      const jobId = await submit({ behaviour: 'stderr_flood' });
      expect((await harness.finish(jobId)).status).toBe('completed');
      const { size } = await stat(join(harness.dataDir, 'jobs', jobId, 'attempts/1/logs.txt'));
      expect(size).toBeGreaterThan(100_000);
      expect(size).toBeLessThanOrEqual(LIMITS.modelLogBytesMax);
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'that needs its smaller settings gets one retry with them',
    async () => {
      const jobId = await submit({ behaviour: 'oom_unless_small' });
      expect(await harness.finish(jobId)).toMatchObject({ status: 'completed', attempt: 2 });
      const { metadata } = await harness.client.result(jobId);
      expect(metadata).toMatchObject({
        params: { size: 'small' },
        warnings: expect.arrayContaining(['smaller_settings_used']),
      });
    },
    JOB_TIMEOUT_MS,
  );
});
