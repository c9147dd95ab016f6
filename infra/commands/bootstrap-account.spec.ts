import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandHarness } from '../testing/command-harness.ts';
import { bootstrapAccount } from './bootstrap-account.ts';

const BUCKET = 'bpi-state-123456789012';
const OUTPUTS = {
  account_id: { value: '123456789012' },
  state_bucket: { value: BUCKET },
  secret: { value: 'never said', sensitive: true },
};
const STATE = JSON.stringify({ outputs: OUTPUTS, resources: ['bucket'] });

let harness: CommandHarness;
beforeEach(async () => {
  harness = await CommandHarness.make();
  delete harness.env['TF_STATE_BUCKET'];
  const stateFile = harness.path('data/bootstrap/terraform.tfstate');
  await harness.standIn.answer({ when: 'terraform output', stdout: JSON.stringify(OUTPUTS) });
  await harness.standIn.answer({ when: 'terraform apply', writes: { [stateFile]: STATE } });
  await harness.standIn.answer({ when: 'terraform state list', stdout: 'aws_s3_bucket.state\n' });
});
afterEach(() => harness.remove());

const bootstrap = () => bootstrapAccount(harness.context, { findCredentials: async () => true, approval: 'given' });
const kept = () => readdir(harness.path('data/bootstrap'));
/** Without the version. */
const calls = async () => (await harness.standIn.calls()).filter(({ args }) => args[0] !== 'version');
const MIGRATION = ['-migrate-state', '-force-copy', `-backend-config=bucket=${BUCKET}`];

describe('an account without a state bucket', () => {
  it('gets one with the state in a file, which then moves into it', async () => {
    await bootstrap();
    expect((await calls()).map(({ args }) => args[0])).toEqual([
      'init',
      'plan',
      'apply',
      'output',
      'state',
      'init',
      'state',
    ]);
    const [local, plan, apply, , , remote] = await calls();
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

  it('asks before it makes anything', async () => {
    const asking = bootstrapAccount(harness.context, {
      findCredentials: async () => true,
      approval: 'to be asked for',
    });
    await expect(asking).rejects.toThrow('Nothing was changed');
    expect((await calls()).map(({ args }) => args[0])).toEqual(['init', 'plan']);
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
      const inits = (await calls()).filter(({ args }) => args[0] === 'init').slice(-2);
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
    expect(again.map(({ args }) => args[0])).toEqual(['init', 'plan', 'apply', 'output']);
    expect(again[0]?.args).toEqual(['init', '-input=false', '-reconfigure', `-backend-config=bucket=${BUCKET}`]);
    expect(again.every(({ override }) => override === null)).toBe(true);
  });
});

function stdoutOf(step: string): string {
  if (step === 'state list') return 'aws_s3_bucket.state\n';
  return step === 'output' ? JSON.stringify(OUTPUTS) : '';
}
