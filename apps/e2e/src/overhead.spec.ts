import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { noopJobs, spreadOf } from '@bpi/tools';
import { startHarness, type Harness } from './harness.ts';

const ROUNDS = 9;
/** Far above the target of 250 ms, so that a busy machine does not fail the suite; the figure is what counts. */
const OVERHEAD_MS_MAX = 3_000;

describe('the platform’s own time', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  }, 60_000);
  afterAll(() => harness.close());

  it('of a no-op job, beside the container itself, is small', async () => {
    const noop = await noopJobs({ ...harness, inputPath: harness.input('plain') });
    await noop.job(); // warms caches of both
    const jobs: number[] = [];
    const containers: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      containers.push(await noop.container());
      jobs.push(await noop.job());
    }
    const [jobMs, containerMs] = [spreadOf(jobs).median, spreadOf(containers).median];
    process.stdout.write(
      `No-op job: ${jobMs.toFixed(0)} ms; its container alone: ${containerMs.toFixed(0)} ms; ` +
        `overhead: ${(jobMs - containerMs).toFixed(0)} ms (medians of ${ROUNDS})\n`,
    );
    expect(jobMs - containerMs).toBeLessThan(OVERHEAD_MS_MAX);
  }, 120_000);
});
