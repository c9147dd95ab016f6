import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ownContainers, startHarness, until, type Harness } from './harness.ts';

const STEPS = ['start', 'input_stored', 'job_file_stored', 'created', 'woken'] as const;

describe('the API is killed in the middle of a submission', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  }, 60_000);
  afterAll(() => harness.close());

  async function restartApi(failpoint: string | undefined): Promise<void> {
    const before = harness.platform.api.pid;
    harness.platform.api.changeEnv({ FAILPOINT: failpoint });
    harness.platform.api.kill('SIGKILL');
    await until(
      async () => harness.platform.api.pid,
      (pid) => pid !== before,
    );
    await harness.platform.ready();
  }

  it.each(STEPS)(
    'after the step “%s”: a retry with the same key has exactly one job, and it completes once',
    async (step) => {
      await restartApi(step);
      const request = { inputPath: harness.input('prompted'), model: 'echo', idempotencyKey: randomUUID() };
      await expect(harness.client.infer(request)).rejects.toThrow(); // the connection broke
      await restartApi(undefined);

      const first = await harness.client.infer(request);
      const second = await harness.client.infer(request);
      expect(second.job_id).toBe(first.job_id);
      expect(await harness.finish(first.job_id)).toMatchObject({ status: 'completed', attempt: 1 });
      const containers = await ownContainers(harness.docker, harness.dataDir);
      expect(containers.filter(({ Names }) => Names.some((name) => name.includes(first.job_id)))).toHaveLength(1);
    },
    60_000,
  );

  it('has run one container per job and no more', async () => {
    expect(await ownContainers(harness.docker, harness.dataDir)).toHaveLength(STEPS.length);
  });
});
