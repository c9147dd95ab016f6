/** What bootstrap's main makes of the variables of the shell: a copy of it runs, so that no other test reads its stack. */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mainOf } from '../testing/environment.ts';

/** As deep below `infra` as the main's own folder, and no part of the sources. */
const COPIES = join(import.meta.dirname, '../dist');
const REPOSITORY = { GITHUB_REPOSITORY: 'acme/inference' };
const NUMBERS = { GITHUB_REPOSITORY_OWNER_ID: '12', GITHUB_REPOSITORY_ID: '34' };

let folder: string;
beforeEach(async () => {
  await mkdir(COPIES, { recursive: true });
  folder = await mkdtemp(join(COPIES, 'bootstrap-'));
  await cp(mainOf('bootstrap'), join(folder, 'main.ts'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function run(env: Readonly<Record<string, string>>) {
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'main.ts')], {
    env: { PATH: '/nowhere', ...env },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stderr };
}

async function synthesized(env: Readonly<Record<string, string>>): Promise<string> {
  expect(run(env)).toEqual({ status: 0, stderr: '' });
  return readFile(join(folder, 'cdktf.out/stacks/bootstrap/cdk.tf.json'), 'utf8');
}

describe('the provider of GitHub’s tokens', () => {
  it.each([
    [{}, false],
    [{ OIDC_PROVIDER: 'exists' }, false],
    [{ OIDC_PROVIDER: 'create' }, true],
  ])(
    'with %j is made: %s',
    async (env, isMade) => {
      const { resource, data } = JSON.parse(await synthesized({ ...REPOSITORY, ...env }));
      expect('aws_iam_openid_connect_provider' in resource).toBe(isMade);
      expect('aws_iam_openid_connect_provider' in data).toBe(!isMade);
    },
    60_000,
  );

  it('is not guessed at', () => {
    expect(run({ ...REPOSITORY, OIDC_PROVIDER: 'yes' })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Set OIDC_PROVIDER to exists or create'),
    });
  }, 60_000);
});

describe('the repository', () => {
  it.each([
    [{}, false],
    [NUMBERS, true],
  ])(
    'is trusted by its name, and with %j by its numbers: %s',
    async (env, isByNumbers) => {
      const text = await synthesized({ ...REPOSITORY, ...env });
      expect(text).toContain('repo:acme/inference:pull_request');
      expect(text.includes('repo:acme@12/inference@34:pull_request')).toBe(isByNumbers);
    },
    60_000,
  );

  it('needs both numbers', () => {
    expect(run({ ...REPOSITORY, GITHUB_REPOSITORY_ID: '34' })).toMatchObject({ status: 1 });
  }, 60_000);
});
