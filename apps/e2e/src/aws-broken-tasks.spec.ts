import { buffer } from 'node:stream/consumers';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inputKey, isJobId, type JobId } from '@bpi/job-contract';
import { AWS_POOLS } from '@bpi/tools';
import { DerivedImages } from './derived-images.ts';
import { startHeldHarness, type HeldHarness } from './held-tasks.ts';
import { repoRoot, until } from './harness.ts';

const JOB_TIMEOUT_MS = 60_000;
const ENDED_WITHIN_MS = 30_000;
/** Longer than the start of a container takes on a busy machine. */
const START_DEADLINE_MS = 5_000;
const ECHO_IMAGE = 'bpi/echo-model:1.0.0';

type Params = Record<string, string | number>;

describe('a task that breaks', () => {
  let harness: HeldHarness;
  let images: DerivedImages;
  let modelsDir: string;
  /** Models like echo, but for their images. */
  const models = {
    absent: 'echo-absent',
    removed: 'echo-removed',
    noShell: 'echo-no-shell',
    noFolder: 'echo-no-folder',
  };

  beforeAll(async () => {
    images = new DerivedImages(ECHO_IMAGE);
    modelsDir = await mkdtemp(join(tmpdir(), 'bpi-models-'));
    await addModel(models.absent, 'bpi/nobody-built-this:1.0.0');
    await addModel(models.removed, await images.derive('removed', 'true'));
    await addModel(models.noShell, await images.derive('no-shell', 'rm /bin/sh'));
    await addModel(models.noFolder, await images.derive('no-folder', 'rm -r /workspace && touch /workspace'));
    const modelsDirs = [join(repoRoot, 'apps/models'), join(repoRoot, 'apps/e2e/models'), modelsDir];
    harness = await startHeldHarness({ modelsDirs, startDeadlineMs: START_DEADLINE_MS });
  }, 90_000);
  afterAll(async () => {
    await harness.close();
    await images.remove();
    await rm(modelsDir, { recursive: true, force: true });
  });
  afterEach(async () => {
    harness.engine.releaseAll();
    harness.platform.simulator.noCapacity(AWS_POOLS.spot, false);
    await harness.untilFree();
  });

  async function addModel(name: string, image: string): Promise<void> {
    const echo: unknown = JSON.parse(await readFile(join(repoRoot, 'apps/e2e/models/echo/model.json'), 'utf8'));
    await mkdir(join(modelsDir, name));
    await writeFile(join(modelsDir, name, 'model.json'), JSON.stringify({ ...Object(echo), name, image }));
  }

  async function submit(params: Params, model = 'echo'): Promise<JobId> {
    const { job_id: jobId } = await harness.client.infer({ inputPath: harness.input('plain'), model, params });
    if (!isJobId(jobId)) throw new Error('the API gave no job id');
    return jobId;
  }

  /** Until this attempt is over. */
  async function ended(jobId: JobId, attempt: number): Promise<void> {
    await until(
      async () => (await harness.record(jobId)).endedAttempts.length,
      (count) => count >= attempt,
      ENDED_WITHIN_MS,
    );
  }

  /** The job's first attempt ended by this code, and its second, on the same one slot, made the result. */
  async function completesAfter(code: string, jobId: JobId): Promise<void> {
    const status = await harness.finish(jobId);
    expect(status).toMatchObject({ status: 'completed', attempt: 2 });
    expect(status.ended_attempts?.map((attempt) => attempt.code)).toEqual([code, undefined]);
  }

  /** The job failed so, after these attempts. */
  async function failsWith(error: { code: string; fault: string }, attempts: number, jobId: JobId): Promise<void> {
    const status = await harness.finish(jobId);
    expect(status).toMatchObject({ status: 'failed', error });
    expect(status.ended_attempts?.map(({ code }) => code)).toEqual(Array.from({ length: attempts }, () => error.code));
  }

  /** A job whose task waits for a machine until the spec lets one start. */
  async function submitUnplaced(): Promise<JobId> {
    const { simulator } = harness.platform;
    for (const { instanceId } of simulator.instances) simulator.terminate(instanceId);
    simulator.noCapacity(AWS_POOLS.spot, true);
    const jobId = await submit({ behaviour: 'mask' });
    await until(
      async () => (await harness.taskOf(jobId)).lastStatus,
      (lastStatus) => lastStatus === 'PROVISIONING',
    );
    return jobId;
  }

  describe('before the model', () => {
    it(
      'because its input is gone, again and again, fails by the platform',
      async () => {
        const jobId = await submitUnplaced();
        await harness.services.objects.deletePrefix(`jobs/${jobId}/input/`);
        harness.platform.simulator.noCapacity(AWS_POOLS.spot, false);
        await failsWith({ code: 'platform_error', fault: 'platform' }, 4, jobId);
      },
      JOB_TIMEOUT_MS,
    );

    it(
      'because its input was damaged, completes once that is as it was',
      async () => {
        const { objects } = harness.services;
        const jobId = await submitUnplaced();
        const accepted = await buffer(await objects.get(inputKey(jobId)));
        await objects.put(inputKey(jobId), Buffer.concat([accepted, Buffer.of(0)]), { ifAbsent: false });
        harness.platform.simulator.noCapacity(AWS_POOLS.spot, false);
        await ended(jobId, 1);
        await objects.put(inputKey(jobId), accepted, { ifAbsent: false });
        await completesAfter('platform_error', jobId);
      },
      JOB_TIMEOUT_MS,
    );

    it(
      'because stage-in is killed, completes with its next attempt',
      async () => {
        const held = harness.engine.hold(/^GET .*\/input\/input\.npz/);
        const jobId = await submit({ behaviour: 'mask' });
        await held.reached;
        await (await harness.containerOf(jobId, 'stage-in')).kill();
        await ended(jobId, 1);
        held.release();
        await completesAfter('platform_error', jobId);
      },
      JOB_TIMEOUT_MS,
    );

    it.each([
      { why: 'its image was never built', model: models.absent },
      { why: 'its image was removed', model: models.removed },
    ])(
      'because $why, fails at once',
      async ({ model }) => {
        if (model === models.removed) await images.remove('removed');
        const jobId = await submit({ behaviour: 'mask' }, model);
        await failsWith({ code: 'model_unavailable', fault: 'platform' }, 1, jobId);
      },
      JOB_TIMEOUT_MS,
    );

    it(
      'because its image has no shell, fails by the model',
      async () => {
        await failsWith(
          { code: 'model_error', fault: 'model' },
          1,
          await submit({ behaviour: 'mask' }, models.noShell),
        );
      },
      JOB_TIMEOUT_MS,
    );

    it(
      'because the engine cannot start its model, is tried again',
      async () => {
        const jobId = await submit({ behaviour: 'mask' }, models.noFolder);
        await ended(jobId, 1);
        await harness.client.cancel(jobId);
        const status = await harness.finish(jobId);
        expect(status.ended_attempts?.[0]).toMatchObject({ code: 'platform_error' });
        expect(status).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
      },
      JOB_TIMEOUT_MS,
    );

    it(
      'because its model does not come to start in time, completes with its next attempt',
      async () => {
        const held = harness.engine.hold(/^start model$/);
        const jobId = await submit({ behaviour: 'mask' });
        await held.reached;
        await harness.untilPart(jobId, 'stage-out', 'STOPPED'); // it gave up
        held.release(new Error('context canceled'));
        await completesAfter('platform_error', jobId);
      },
      JOB_TIMEOUT_MS,
    );
  });

  describe('under the model', () => {
    it(
      'because stage-out is killed, completes with its next attempt',
      async () => {
        const jobId = await submit({ behaviour: 'slow', seconds: 2 });
        await harness.untilPart(jobId, 'model', 'RUNNING');
        await (await harness.containerOf(jobId, 'stage-out')).kill();
        await completesAfter('platform_error', jobId);
      },
      JOB_TIMEOUT_MS,
    );

    it(
      'because the model is killed and it was not its memory, completes with its next attempt',
      async () => {
        const jobId = await submit({ behaviour: 'slow', seconds: 2 });
        await harness.untilPart(jobId, 'model', 'RUNNING');
        await (await harness.containerOf(jobId, 'model')).kill();
        await completesAfter('platform_error', jobId);
      },
      JOB_TIMEOUT_MS,
    );

    it(
      'because the model takes too much memory, fails so, also with the smaller settings',
      async () => {
        await failsWith({ code: 'out_of_memory', fault: 'model' }, 2, await submit({ behaviour: 'eat_memory' }));
      },
      JOB_TIMEOUT_MS,
    );
  });

  describe('after the model', () => {
    /** The model has ended, and stage-out, which has not seen that, does nothing. */
    async function unseenEnd(params: Params): Promise<JobId> {
      const jobId = await submit(params);
      await harness.untilPart(jobId, 'model', 'RUNNING');
      await (await harness.containerOf(jobId, 'stage-out')).pause();
      await harness.untilPart(jobId, 'model', 'STOPPED');
      return jobId;
    }

    it(
      'because stage-out is killed while it stores the results, completes with its next attempt',
      async () => {
        const held = harness.engine.hold(/^PUT .*\/attempts\/1\/report\.json/);
        const jobId = await submit({ behaviour: 'mask' });
        await held.reached;
        await (await harness.containerOf(jobId, 'stage-out')).kill();
        await ended(jobId, 1);
        held.release();
        await completesAfter('platform_error', jobId);
      },
      JOB_TIMEOUT_MS,
    );

    it(
      'because stage-out is killed before it saw that, completes with its next attempt',
      async () => {
        const jobId = await unseenEnd({ behaviour: 'slow', seconds: 1 });
        await (await harness.containerOf(jobId, 'stage-out')).kill();
        await completesAfter('platform_error', jobId);
      },
      JOB_TIMEOUT_MS,
    );

    it(
      'because stage-out is killed before it saw that, fails by the model if that is why it ended',
      async () => {
        const held = harness.engine.hold(/^HEAD .*\/attempts\/1\/report\.json/);
        const jobId = await submit({ behaviour: 'exit', exit_code: 1 });
        await held.reached;
        await (await harness.containerOf(jobId, 'stage-out')).kill();
        await failsWith({ code: 'model_error', fault: 'model' }, 1, jobId);
      },
      JOB_TIMEOUT_MS,
    );

    it(
      'for some seconds only, because stage-out stood still, completes all the same',
      async () => {
        const jobId = await unseenEnd({ behaviour: 'slow', seconds: 1 });
        await (await harness.containerOf(jobId, 'stage-out')).unpause();
        expect(await harness.finish(jobId)).toMatchObject({ status: 'completed', attempt: 1 });
      },
      JOB_TIMEOUT_MS,
    );
  });

  it(
    'leaves the one machine and the one slot to the next job',
    async () => {
      const jobId = await submit({ behaviour: 'mask' });
      expect(await harness.finish(jobId)).toMatchObject({ status: 'completed', attempt: 1 });
    },
    JOB_TIMEOUT_MS,
  );
});
