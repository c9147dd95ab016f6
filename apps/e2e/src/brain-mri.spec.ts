import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { makeInput, type MadeInput } from '@bpi/tools';
import { ownContainers, readArtifacts, repoRoot, startHarness, until, type Harness } from './harness.ts';

const MINUTES_MS = 60_000;
const DICE_MIN = 0.9;

describe('a real head MRI through the real model', () => {
  let harness: Harness;
  let made: MadeInput;

  beforeAll(async () => {
    harness = await startHarness();
    const folder = join(harness.dataDir, 'client');
    made = await makeInput(harness.docker, {
      repoRoot,
      image: 'bpi/brain-mri:1.0.0',
      headNifti: harness.samples.head,
      folder,
    });
  }, MINUTES_MS);
  afterAll(() => harness.close());

  const submit = (resolution: string) =>
    harness.client.infer({
      inputPath: made.inputPath,
      geometry: made.geometry,
      model: 'brain-mri',
      params: { resolution },
    });

  it(
    'finds the brain, on the client’s own grid, in a hardened container',
    async () => {
      const { job_id: jobId } = await submit('half');
      const status = await harness.finish(jobId);
      expect(status).toMatchObject({ status: 'completed', attempt: 1 });

      const facts = await readArtifacts(harness, jobId, harness.samples.brain);
      process.stdout.write(`Dice against the skull-stripped reference: ${facts.dice?.toFixed(4)}\n`);
      expect(facts.dice).toBeGreaterThanOrEqual(DICE_MIN);
      expect(facts).toMatchObject({ keys: ['segs'], dtype: 'uint8', labels: [0, 1], nifti_equals_npz: true });
      expect(facts.affine).toEqual(facts.reference_affine);

      const { metadata } = await harness.client.result(jobId);
      expect(metadata.labels).toHaveLength(1);
      expect(metadata).toMatchObject({
        prompts_used: false,
        warnings: ['prompts_ignored'],
        labels: [{ id: 1, name: 'brain', present: true }],
      });

      const container = (await ownContainers(harness.docker, harness.dataDir)).find(({ Names }) =>
        Names.some((name) => name.includes(jobId)),
      );
      const { HostConfig, Config } = await harness.docker.getContainer(container?.Id ?? 'missing').inspect();
      expect(HostConfig).toMatchObject({
        NetworkMode: 'none',
        ReadonlyRootfs: true,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
      });
      expect(Config.User).not.toMatch(/^(0|root)?(:|$)/);
    },
    3 * MINUTES_MS,
  );

  it(
    'completes once when the worker is killed while the model runs',
    async () => {
      const { job_id: jobId } = await submit('full');
      await until(
        () => harness.client.status(jobId),
        ({ phase, progress }) => phase === 'running' && (progress?.fraction ?? 0) > 0,
      );
      const [container] = await harness.liveContainers();
      expect(container).toBeDefined();
      harness.platform.worker.kill('SIGKILL');

      const status = await harness.finish(jobId);
      expect(status).toMatchObject({ status: 'completed', attempt: 1 });
      const containers = (await ownContainers(harness.docker, harness.dataDir)).filter(({ Names }) =>
        Names.some((name) => name.includes(jobId)),
      );
      expect(containers.map(({ Id }) => Id)).toEqual([container]);
      const facts = await readArtifacts(harness, jobId, harness.samples.brain);
      expect(facts.dice).toBeGreaterThanOrEqual(DICE_MIN);
    },
    3 * MINUTES_MS,
  );
});
