import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AWS_POOLS } from '@bpi/tools';
import { startHeldHarness, type HeldHarness } from './held-tasks.ts';
import { until } from './harness.ts';

const JOB_TIMEOUT_MS = 60_000;
const NOTICE_MS = 2 * 60_000;
const ENDED_WITHIN_MS = 30_000;

type Params = Record<string, string | number>;

describe('a job whose Spot instance is taken away', () => {
  let harness: HeldHarness;
  beforeAll(async () => {
    harness = await startHeldHarness();
  }, 90_000);
  afterAll(() => harness.close());
  afterEach(async () => {
    harness.engine.releaseAll();
    await harness.untilFree();
  });

  async function submit(params: Params): Promise<string> {
    const { job_id: jobId } = await harness.client.infer({ inputPath: harness.input('plain'), model: 'echo', params });
    return jobId;
  }

  /** Brings a new job into a stage of its first attempt, where it stays until the hold is released. */
  const STAGES = {
    'stage-in': async () => {
      const held = harness.engine.hold(/^GET .*\/input\/input\.npz/);
      const jobId = await submit({ behaviour: 'mask' });
      await held.reached;
      return jobId;
    },
    model: async () => {
      const jobId = await submit({ behaviour: 'slow', seconds: 2 });
      await harness.untilPart(jobId, 'model', 'RUNNING');
      return jobId;
    },
    'stage-out': async () => {
      const held = harness.engine.hold(/^PUT .*\/attempts\/1\/output\//);
      const jobId = await submit({ behaviour: 'mask' });
      await held.reached;
      return jobId;
    },
  } as const;

  /** What EC2 does to the instance of the job's current attempt. */
  const WAYS = {
    'with a notice': async (jobId: string) => {
      const { instanceId } = await harness.instanceOf(jobId);
      harness.platform.simulator.reclaim(instanceId, { noticeMs: NOTICE_MS });
      return instanceId;
    },
    'with a notice that comes too late': async (jobId: string) => {
      const { instanceId } = await harness.instanceOf(jobId);
      harness.platform.simulator.reclaim(instanceId, { noticeMs: 0 });
      return instanceId;
    },
    'without a notice': async (jobId: string) => {
      const { instanceId } = await harness.instanceOf(jobId);
      harness.platform.simulator.terminate(instanceId);
      return instanceId;
    },
  } as const;

  /** Until the attempt is over; then nothing is held any more. */
  async function ended(jobId: string, attempt: number): Promise<void> {
    await until(
      async () => (await harness.record(jobId)).endedAttempts.length,
      (count) => count === attempt,
      ENDED_WITHIN_MS,
    );
    harness.engine.releaseAll();
  }

  const instanceIds = () => harness.platform.simulator.instances.map(({ instanceId }) => instanceId);
  const stages = Object.keys(STAGES) as (keyof typeof STAGES)[]; // of a literal

  it.each(
    stages.flatMap((stage) => [{ stage, way: 'with a notice' } as const, { stage, way: 'without a notice' } as const]),
  )(
    'in $stage, $way, completes with its next attempt, and says why the first ended',
    async ({ stage, way }) => {
      const jobId = await STAGES[stage]();
      const instanceId = await WAYS[way](jobId);
      await ended(jobId, 1);
      if (way === 'with a notice') {
        // It did not wait for the machine to go.
        expect(instanceIds()).toEqual([instanceId]);
        harness.platform.simulator.terminate(instanceId);
      }
      expect(await harness.finish(jobId)).toMatchObject({
        status: 'completed',
        attempt: 2,
        ended_attempts: [{ attempt: 1, code: 'capacity_interrupted' }, { attempt: 2 }],
      });
      expect(await harness.record(jobId)).toMatchObject({
        retries: { interrupted: 1, platform: 0, capacity: 0, shrunk: 0 },
        endedAttempts: [{ pool: AWS_POOLS.spot }, { pool: AWS_POOLS.spot }],
        result: { epoch: 2 },
      });
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'keeps a result that is on its way when the notice comes',
    async () => {
      const held = harness.engine.hold(/^PUT .*\/attempts\/1\/report\.json/);
      const jobId = await submit({ behaviour: 'mask' });
      await held.reached;
      await WAYS['with a notice'](jobId);
      await until(
        async () => (await harness.taskOf(jobId)).desiredStatus,
        (desired) => desired === 'STOPPED',
      );
      held.release();
      const status = await harness.finish(jobId);
      expect(status).toMatchObject({ status: 'completed', attempt: 1 });
      for (const instanceId of instanceIds()) harness.platform.simulator.terminate(instanceId);
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'twice, gets its third attempt On-Demand',
    async () => {
      const jobId = await STAGES['stage-in']();
      await WAYS['without a notice'](jobId);
      await ended(jobId, 1);
      const again = harness.engine.hold(/^PUT .*\/attempts\/2\/output\//);
      await again.reached;
      await WAYS['with a notice that comes too late'](jobId);
      await ended(jobId, 2);
      expect(await harness.finish(jobId)).toMatchObject({
        status: 'completed',
        attempt: 3,
        ended_attempts: [{ code: 'capacity_interrupted' }, { code: 'capacity_interrupted' }, { attempt: 3 }],
      });
      const { endedAttempts, retries, attempt } = await harness.record(jobId);
      expect(endedAttempts.map(({ pool }) => pool)).toEqual([AWS_POOLS.spot, AWS_POOLS.spot, AWS_POOLS.onDemand]);
      expect(attempt?.pool).toBe(AWS_POOLS.onDemand);
      expect(retries).toEqual({ interrupted: 2, platform: 0, capacity: 0, shrunk: 0 });
      const { metadata } = await harness.client.result(jobId);
      expect(metadata).toMatchObject({ attempt: 3 });
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'still has the retry that its model asks for',
    async () => {
      const held = harness.engine.hold(/^GET .*\/input\/input\.npz/);
      const jobId = await submit({ behaviour: 'oom_unless_small' });
      await held.reached;
      await WAYS['without a notice'](jobId);
      await ended(jobId, 1);
      const status = await harness.finish(jobId);
      expect(status).toMatchObject({ status: 'completed', attempt: 3 });
      expect(status.ended_attempts?.map(({ code }) => code)).toEqual([
        'capacity_interrupted',
        'out_of_memory',
        undefined,
      ]);
      const { metadata } = await harness.client.result(jobId);
      expect(metadata).toMatchObject({ params: { size: 'small' } });
    },
    JOB_TIMEOUT_MS,
  );
});
