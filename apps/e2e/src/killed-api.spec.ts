import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildPrograms } from '@bpi/tools';
import { ownContainers, repoRoot, startHarness, until, type Harness } from './harness.ts';

/** Side effects of a submission, in their order. */
const POINTS = [
  'api/objects.put(input/input.npz):before',
  'api/objects.put(input/input.npz):after',
  'api/objects.put(input/job.json):after',
  'api/store.create:after',
  'api/queue.send:after',
  'api/clients.audit(submit):after',
] as const;
const PROGRAMS = {
  'main-failing': 'apps/api/src/testing/main-failing.ts',
  'input-check/check-thread': 'apps/api/src/input-check/check-thread.ts',
};

describe('the API is killed in the middle of a submission', () => {
  let harness: Harness;
  let programs: string;
  beforeAll(async () => {
    programs = await mkdtemp(join(tmpdir(), 'bpi-e2e-programs-'));
    await buildPrograms(repoRoot, PROGRAMS, programs);
    harness = await startHarness({}, { apiEntry: join(programs, 'main-failing.js') });
  }, 60_000);
  afterAll(async () => {
    await harness.close();
    await rm(programs, { recursive: true });
  });

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

  it.each(POINTS)(
    'at %s: a retry with the same key has exactly one job, and it completes once',
    async (point) => {
      await restartApi(point);
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
    expect(await ownContainers(harness.docker, harness.dataDir)).toHaveLength(POINTS.length);
  });
});
