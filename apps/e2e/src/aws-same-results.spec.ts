import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeInput } from '@bpi/tools';
import { startAwsHarness, type AwsHarness } from './aws-harness.ts';
import { repoRoot, startHarness, type Harness } from './harness.ts';

/** What a caller downloads; `metadata.json` names job, attempt and times, which differ. */
const SAME: ReadonlySet<string> = new Set(['pred_mask.npz', 'pred_mask.nii.gz', 'preview.png']);

describe('the local and the AWS composition', () => {
  let local: Harness;
  let aws: AwsHarness;
  beforeAll(async () => {
    local = await startHarness();
    aws = await startAwsHarness();
  }, 90_000);
  afterAll(async () => {
    await local.close();
    await aws.close();
  });

  type Work = { inputPath: string; model: string; geometry?: unknown };

  async function digestsOf({ client, finish }: Pick<Harness, 'client' | 'finish'>, work: Work) {
    const { job_id: jobId } = await client.infer(work);
    expect(await finish(jobId)).toMatchObject({ status: 'completed', attempt: 1 });
    const { artifacts } = await client.result(jobId);
    return artifacts.filter(({ name }) => SAME.has(name)).map(({ name, sha256 }) => ({ name, sha256 }));
  }

  async function compare(work: Work): Promise<void> {
    const here = await digestsOf(local, work);
    expect(here).toHaveLength(SAME.size);
    expect(await digestsOf(aws, work)).toEqual(here);
  }

  it('make the same bytes of a real head MRI with brain-mri', async () => {
    const folder = join(local.dataDir, 'client');
    const image = 'bpi/brain-mri:1.0.0';
    const made = await makeInput(local.docker, { repoRoot, image, headNifti: local.samples.head, folder });
    await compare({ inputPath: made.inputPath, geometry: made.geometry, model: 'brain-mri' });
  }, 180_000);

  it.each(['prompted', 'fortran', 'normalized'])(
    'make the same bytes of the input “%s” with echo',
    async (input) => compare({ inputPath: local.input(input), model: 'echo' }),
    60_000,
  );

  it('let a caller download the result, and check it, alike', async () => {
    const { job_id: jobId } = await aws.client.infer({ inputPath: aws.input('prompted'), model: 'echo' });
    await aws.finish(jobId);
    const result = await aws.client.result(jobId);
    await aws.client.download(result, `${aws.dataDir}/download`); // throws if a digest differs
    const [artifact] = result.artifacts;
    const ask = (method: string) =>
      fetch(new URL(artifact?.url ?? '', aws.platform.url), {
        method,
        headers: { authorization: `Bearer ${aws.platform.apiKey}` },
        redirect: 'manual',
      });
    const link = await ask('GET');
    expect([link.status, link.headers.get('cache-control')]).toEqual([303, expect.stringContaining('no-store')]);
    const head = await ask('HEAD');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(artifact?.bytes)]);
  }, 60_000);
});
