import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandHarness } from '../testing/command-harness.ts';
import { bootstrapAccount, type BootstrapRequest } from './bootstrap-account.ts';

const BUCKET = 'bpi-state-123456789012';
const OUTPUTS = {
  account_id: { value: '123456789012' },
  state_bucket: { value: BUCKET },
  secret: { value: 'never said', sensitive: true },
};
const STATE = JSON.stringify({ outputs: OUTPUTS, resources: ['bucket'] });

/** The folder from which a bucket is asked. */
const LOOK = 'bootstrap/look-';
/** As Terraform 1.11 words it. */
const NO_BUCKET = '\nError: Failed to get existing workspaces: S3 bucket "bpi-state-123456789012" does not\nexist.\n';

type Change = { address: string; change: { actions: string[]; before?: unknown; after?: unknown } };
const planned = (changes: readonly Change[]) =>
  JSON.stringify({ resource_changes: changes, planned_values: { outputs: OUTPUTS } });

let harness: CommandHarness;
beforeEach(async () => {
  harness = await CommandHarness.make();
  delete harness.env['TF_STATE_BUCKET'];
  const stateFile = harness.path('data/bootstrap/terraform.tfstate');
  await harness.standIn.answer({ when: 'terraform output', stdout: JSON.stringify(OUTPUTS) });
  await harness.standIn.answer({ when: 'terraform apply', writes: { [stateFile]: STATE } });
  await harness.standIn.answer({ when: 'terraform state list', stdout: 'aws_s3_bucket.state\n' });
  await harness.standIn.answer({ when: 'terraform show -json', stdout: planned([]) });
  await harness.standIn.answer({ when: 'terraform init', in: LOOK, exitCode: 1, stderr: NO_BUCKET });
});
afterEach(() => harness.remove());

const bootstrap = (request: Partial<BootstrapRequest> = {}) =>
  bootstrapAccount(harness.context, {
    findCredentials: async () => true,
    approval: 'given',
    losses: 'refused',
    ...request,
  });
const kept = () => readdir(harness.path('data/bootstrap'));
/** Without the version. */
const calls = async () => (await harness.standIn.calls()).filter(({ args }) => args[0] !== 'version');
const steps = async () => (await calls()).map(({ args }) => args[0]);
const MIGRATION = ['-migrate-state', '-force-copy', `-backend-config=bucket=${BUCKET}`];

describe('an account without a state bucket', () => {
  it('gets one with the state in a file, which then moves into it', async () => {
    await bootstrap();
    expect(await steps()).toEqual(['init', 'plan', 'show', 'init', 'apply', 'output', 'state', 'init', 'state']);
    const [local, plan, , look, apply, , , remote] = await calls();
    expect(look).toMatchObject({ override: null, cwd: expect.stringContaining(LOOK) });
    const backend = { terraform: { backend: { local: { path: harness.path('data/bootstrap/terraform.tfstate') } } } };
    for (const call of [local, plan, apply]) expect(JSON.parse(call?.override ?? '')).toEqual(backend);
    expect(local?.args).toEqual(['init', '-input=false', '-reconfigure']);
    expect(remote).toMatchObject({ override: null, args: ['init', '-input=false', ...MIGRATION] });
    expect(await kept()).toEqual(['terraform.tfstate.moved']);
  });

  it('says what to set', async () => {
    await bootstrap();
    expect(harness.said).toEqual(
      expect.arrayContaining([
        `export TF_STATE_BUCKET=${BUCKET}`,
        'export IMAGE_REGISTRY=123456789012.dkr.ecr.eu-central-1.amazonaws.com',
        'gh variable set AWS_ACCOUNT_ID --repo example/platform --body 123456789012',
      ]),
    );
  });

  it('leaves a gap for the address of alarms that no shell takes, unless it knows one', async () => {
    delete harness.env['TF_VAR_alert_email'];
    await bootstrap();
    expect(harness.said).toContain('gh variable set ALERT_EMAIL --repo example/platform --body <address-for-alarms>');
    harness.env['TF_VAR_alert_email'] = 'someone@example.org';
    await bootstrap();
    expect(harness.said).toContain('gh variable set ALERT_EMAIL --repo example/platform --body someone@example.org');
  });

  it('asks before it makes anything', async () => {
    await expect(bootstrap({ approval: 'to be asked for' })).rejects.toThrow('Nothing was changed');
    expect(await steps()).toEqual(['init', 'plan', 'show', 'init']);
  });

  it('must know which repository its roles trust', async () => {
    delete harness.env['GITHUB_REPOSITORY'];
    await expect(bootstrap()).rejects.toThrow(/^GITHUB_REPOSITORY is not set/);
    expect(await calls()).toEqual([]);
  });
});

describe('a bootstrap that was cut off', () => {
  it.each(['init -input=false -migrate-state', 'state list', 'output'])(
    'at `terraform %s` keeps the only state there is, and goes on from it',
    async (step) => {
      await harness.standIn.answer({ when: `terraform ${step}`, exitCode: 9 });
      await expect(bootstrap()).rejects.toMatchObject({ exitCode: 9 });
      expect(await harness.text('data/bootstrap/terraform.tfstate')).toBe(STATE);
      await harness.standIn.answer({ when: `terraform ${step}`, stdout: stdoutOf(step) });
      // Even told of the bucket: what is in the file is not in it yet.
      harness.env['TF_STATE_BUCKET'] = BUCKET;
      await bootstrap();
      const inits = (await calls()).filter(({ args, cwd }) => args[0] === 'init' && !cwd.includes(LOOK)).slice(-2);
      expect(inits.map(({ override }) => override !== null)).toEqual([true, false]);
      expect(await kept()).toEqual(['terraform.tfstate.moved']);
    },
  );

  it('does not put the file aside while the bucket lacks a part of it', async () => {
    const stateFile = harness.path('data/bootstrap/terraform.tfstate');
    await harness.standIn.answer({
      when: 'terraform state list',
      onceOnly: true,
      stdout: 'aws_s3_bucket.state\naws_iam_role.plan\n',
    });
    await expect(bootstrap()).rejects.toThrow(`${stateFile} is kept`);
    expect(await kept()).toEqual(['terraform.tfstate']);
  });
});

describe('an account whose bucket is known', () => {
  it.each(['by the environment', 'by the state that was moved there'])('%s keeps its state there', async (how) => {
    if (how === 'by the environment') harness.env['TF_STATE_BUCKET'] = BUCKET;
    else await bootstrap();
    const before = (await calls()).length;
    await harness.standIn.answer({ when: 'terraform apply' });
    await bootstrap();
    const again = (await calls()).slice(before);
    expect(again.map(({ args }) => args[0])).toEqual(['init', 'plan', 'show', 'apply', 'output']);
    expect(again[0]?.args).toEqual(['init', '-input=false', '-reconfigure', `-backend-config=bucket=${BUCKET}`]);
    expect(again.every(({ override }) => override === null)).toBe(true);
  });
});

describe('an account that another machine bootstrapped', () => {
  const holds = (...addresses: string[]) =>
    harness.standIn.answer({ when: 'terraform state list', in: LOOK, stdout: `${addresses.join('\n')}\n` });
  beforeEach(async () => {
    await harness.standIn.answer({ when: 'terraform init', in: LOOK });
    await harness.standIn.answer({ when: 'terraform state list', exitCode: 1, stderr: 'No state file was found!' });
    await holds('aws_s3_bucket.state', 'aws_iam_role.plan');
  });

  it('is not begun anew by one that does not know its bucket', async () => {
    await expect(bootstrap()).rejects.toThrow(
      new RegExp(`^This account was bootstrapped before, .*\`export TF_STATE_BUCKET=${BUCKET}\``),
    );
    expect(await steps()).not.toContain('apply');
    expect(await kept()).toEqual([]);
  });

  it.each([BUCKET, undefined])(
    'is not changed from a file that lacks a part of it, told of bucket %s',
    async (told) => {
      if (told !== undefined) harness.env['TF_STATE_BUCKET'] = told;
      await mkdir(harness.path('data/bootstrap'), { recursive: true });
      const file = harness.path('data/bootstrap/terraform.tfstate');
      await writeFile(file, STATE);
      await harness.standIn.answer({ when: 'terraform state list', in: 'cdktf.out', stdout: 'aws_iam_role.plan\n' });
      await expect(bootstrap()).rejects.toThrow(`${BUCKET} holds 2 resources, ${file} holds 1`);
      expect(await steps()).not.toContain('apply');
      expect(await harness.text('data/bootstrap/terraform.tfstate')).toBe(STATE);
    },
  );

  it.each([['aws_iam_role.plan'], ['aws_iam_role.plan', 'aws_s3_bucket.state']])(
    'goes on from a file that was cut off while it moved: the bucket has %s',
    async (...moved) => {
      await holds(...moved);
      const all = 'aws_iam_role.plan\naws_s3_bucket.state\n';
      await harness.standIn.answer({ when: 'terraform state list', in: 'cdktf.out', stdout: all });
      await bootstrap();
      expect(await kept()).toEqual(['terraform.tfstate.moved']);
    },
  );

  it('is asked without a trace, by the backend alone', async () => {
    await expect(bootstrap()).rejects.toThrow(BUCKET);
    const look = (await calls()).filter(({ cwd }) => cwd.includes(LOOK));
    expect(look.map(({ args }) => args[0])).toEqual(['init', 'state']);
    for (const { env, cwd } of look) expect(env['TF_DATA_DIR']?.startsWith(cwd)).toBe(true);
    expect(look[0]?.args).toEqual(
      expect.arrayContaining([
        `-backend-config=bucket=${BUCKET}`,
        `-plugin-dir=${harness.path('data/bootstrap/terraform/providers')}`,
      ]),
    );
  });

  it('may be bootstrapped where the bucket holds nothing', async () => {
    await harness.standIn.answer({ when: 'terraform state list', stdout: 'aws_s3_bucket.state\n' });
    await harness.standIn.answer({
      when: 'terraform state list',
      in: LOOK,
      exitCode: 1,
      stderr: 'No state file was found!',
    });
    await bootstrap();
    expect(await kept()).toEqual(['terraform.tfstate.moved']);
  });

  it('stops where it cannot be told', async () => {
    const stderr = 'Warning: the file ".terraformrc" does not exist.\nError: AccessDenied';
    await harness.standIn.answer({ when: 'terraform init', in: LOOK, exitCode: 8, stderr });
    await harness.standIn.answer({
      when: 'terraform state list',
      in: LOOK,
      exitCode: 1,
      stderr: 'Error: not initialized',
    });
    await expect(bootstrap()).rejects.toMatchObject({
      exitCode: 8,
      message: expect.stringMatching(/AccessDenied\nWhether .* could not be told/),
    });
    expect(await steps()).not.toContain('apply');
  });
});

describe('a plan that takes away what an earlier run made', () => {
  const PROVIDER = 'aws_iam_openid_connect_provider.github_provider_0A1B2C3D';
  const trust = (...subjects: string[]) => ({ assume_role_policy: JSON.stringify({ sub: subjects }) });
  const BY_NAME = 'repo:example/platform:pull_request';
  const BY_NUMBER = 'repo:example@12/platform@34:pull_request';
  const role = (before: unknown, after: unknown): Change => ({
    address: 'aws_iam_role.plan',
    change: { actions: ['update'], before, after },
  });
  const plans = (...changes: Change[]) =>
    harness.standIn.answer({ when: 'terraform show -json', stdout: planned(changes) });
  beforeEach(() => {
    harness.env['TF_STATE_BUCKET'] = BUCKET;
  });

  it.each([[['delete']], [['delete', 'create']], [['create', 'delete']]])('is refused: %j', async (actions) => {
    await plans({ address: 'aws_ecr_repository.api', change: { actions } });
    await expect(bootstrap({ approval: 'to be asked for' })).rejects.toThrow(
      /^The plan would delete or replace aws_ecr_repository\.api\.\n.*OIDC_PROVIDER=create, GITHUB_REPOSITORY_OWNER_ID/,
    );
    expect(await steps()).not.toContain('apply');
    expect(harness.asked).toEqual([]);
    expect(await kept()).toEqual([]);
  });

  it('is applied where that is meant', async () => {
    await plans({ address: PROVIDER, change: { actions: ['delete'] } });
    await bootstrap({ losses: 'allowed' });
    expect(await steps()).toContain('apply');
  });

  it.each([undefined, 'exists'])('says what to export for the provider, OIDC_PROVIDER being %s', async (given) => {
    if (given !== undefined) harness.env['OIDC_PROVIDER'] = given;
    await plans({ address: PROVIDER, change: { actions: ['delete'] } });
    await expect(bootstrap()).rejects.toThrow('`export OIDC_PROVIDER=create`');
  });

  it('is refused for the numbers of the repository, which are an update', async () => {
    await plans(role(trust(BY_NAME, BY_NUMBER), trust(BY_NAME)));
    await expect(bootstrap()).rejects.toThrow(/have aws_iam_role\.plan no longer .*\n.*GITHUB_REPOSITORY_OWNER_ID=…/);
    expect(await steps()).not.toContain('apply');
  });

  it.each([
    ['makes and updates', [{ address: 'aws_iam_role.plan', change: { actions: ['create'], before: null } }]],
    ['adds the numbers', [role(trust(BY_NAME), trust(BY_NAME, BY_NUMBER))]],
    ['does not know the trust yet', [role(trust(BY_NAME, BY_NUMBER), {})]],
    ['keeps the numbers', [role(trust(BY_NUMBER), trust(BY_NAME, BY_NUMBER))]],
  ])('is not one that %s', async (_, changes) => {
    await plans(...changes);
    await bootstrap();
    expect(await steps()).toContain('apply');
  });
});

function stdoutOf(step: string): string {
  if (step === 'state list') return 'aws_s3_bucket.state\n';
  return step === 'output' ? JSON.stringify(OUTPUTS) : '';
}
