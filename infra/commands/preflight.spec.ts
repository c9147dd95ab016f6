import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandHarness } from '../testing/command-harness.ts';
import { findCredentials } from './aws-dev-account.ts';
import { environmentChecks } from './plan-and-deploy.ts';
import { imagesArePushed, preflight, repositoryIsNamed } from './preflight.ts';

let harness: CommandHarness;
beforeEach(async () => {
  harness = await CommandHarness.make();
});
afterEach(() => harness.remove());

const sentences = async (find = async () => true): Promise<string[]> => {
  const checks = [...environmentChecks(find), imagesArePushed, repositoryIsNamed];
  try {
    await preflight(harness.context, checks);
    return [];
  } catch (error) {
    return String((error as Error).message).split('\n'); // an Error by what it says, which the tests read
  }
};

describe('before anything is done', () => {
  it('has nothing to say where all is there', async () => {
    expect(await sentences()).toEqual([]);
  });

  it('names all that is missing at once, each with the command that supplies it', async () => {
    await harness.standIn.without('terraform');
    for (const name of ['TF_STATE_BUCKET', 'TF_VAR_alert_email', 'IMAGE_DIGESTS', 'GITHUB_REPOSITORY']) {
      delete harness.env[name];
    }
    expect(await sentences(async () => false)).toEqual([
      expect.stringMatching(/^Terraform is missing .*brew install/),
      expect.stringMatching(/^AWS credentials .*`aws sso login`/),
      expect.stringMatching(/^TF_STATE_BUCKET is not set: .*`npx nx run infra:bootstrap`/),
      expect.stringMatching(/^TF_VAR_alert_email is not set: .*`export TF_VAR_alert_email=/),
      expect.stringMatching(/^IMAGE_DIGESTS is not set: .*`npx nx run infra:push-images`/),
      expect.stringMatching(/^GITHUB_REPOSITORY is not set: .*`export GITHUB_REPOSITORY=/),
    ]);
  });

  it.each([
    ['1.9.8', 1],
    ['0.15.0', 1],
    ['1.10.0', 0],
    ['1.12.0-beta1', 0],
    ['2.0.0', 0],
  ])('of Terraform %s has %i sentences', async (version, count) => {
    await harness.standIn.answer({ when: 'terraform version', stdout: `{\n  "terraform_version": "${version}"}` });
    const found = await sentences();
    expect(found).toHaveLength(count);
    if (count > 0) expect(found[0]).toContain(`Terraform is ${version}, and 1.10 or newer is needed`);
  });

  it.each([
    ['TF_STATE_BUCKET', 'Not a bucket'],
    ['TF_VAR_alert_email', 'nobody'],
    ['GITHUB_REPOSITORY', 'platform'],
  ])('refuses %s=%s without repeating it', async (name, value) => {
    harness.env[name] = value;
    expect(await sentences()).toEqual([expect.stringMatching(new RegExp(`^${name} is not in its form: `))]);
  });

  it('refuses images that nobody pushed', async () => {
    await harness.writeImages('0'.repeat(64));
    expect(await sentences()).toEqual([expect.stringContaining('never pushed: run `npx nx run infra:push-images`')]);
  });

  it('says that a file of images is not there, and what its path counts from', async () => {
    harness.env['IMAGE_DIGESTS'] = 'data/no-images.json';
    const file = harness.path('data/no-images.json');
    expect(await sentences()).toEqual([
      expect.stringMatching(new RegExp(`^IMAGE_DIGESTS names ${file}, and there is no such file .*repository's root`)),
    ]);
    harness.env['IMAGE_DIGESTS'] = 'images.json';
    expect(await sentences()).toEqual([]);
  });

  it.each(['not JSON', '{"api":"registry/bpi/api:latest"}', '{}'])('refuses %s as images', async (text) => {
    await writeFile(harness.path('images.json'), text);
    expect(await sentences()).toEqual([expect.stringContaining('nx run infra:push-images')]);
  });
});

describe('credentials', () => {
  const NAMES = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_EC2_METADATA_DISABLED', 'HOME', 'AWS_PROFILE'];
  const before = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]));
  afterEach(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  it('are found where AWS’s own tools would find them', async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'key';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
    expect(await findCredentials()).toBe(true);
  });

  it('are said to be missing within seconds where there are none', async () => {
    for (const name of NAMES) delete process.env[name];
    process.env['HOME'] = harness.repoRoot;
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    expect(await findCredentials()).toBe(false);
  });
});
