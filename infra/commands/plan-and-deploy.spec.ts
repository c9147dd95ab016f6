import { readdir, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandHarness } from '../testing/command-harness.ts';
import { deployEnvironment, planEnvironment } from './plan-and-deploy.ts';

let harness: CommandHarness;
beforeEach(async () => {
  harness = await CommandHarness.make();
});
afterEach(() => harness.remove());

const found = async () => true;
const deploy = (approval: 'given' | 'to be asked for' = 'given') =>
  deployEnvironment(harness.context, found, { environment: 'dev', approval });
const plan = (lock: 'held' | 'none' = 'held', textFile: string | null = null) =>
  planEnvironment(harness.context, found, { environment: 'prod', lock, textFile });
const STEPS = ['terraform version', 'terraform init', 'terraform plan', 'terraform apply'];

describe('a deployment', () => {
  it('initializes, plans and applies in this order, in the synthesized folder', async () => {
    await deploy();
    expect(await harness.standIn.steps()).toEqual(STEPS);
    const [, ...calls] = await harness.standIn.calls();
    for (const { cwd, env } of calls) {
      expect(cwd).toBe(harness.path('infra/envs/dev/cdktf.out/stacks/dev'));
      expect(env).toMatchObject({
        TF_DATA_DIR: harness.path('data/dev/terraform'),
        TF_VAR_alert_email: 'someone@example.org',
      });
    }
    expect(calls[0]?.args).toEqual([
      'init',
      '-input=false',
      '-reconfigure',
      '-backend-config=bucket=bpi-state-123456789012',
    ]);
    expect(calls[1]?.args).toEqual(['plan', '-input=false', `-out=${harness.path('data/dev/terraform.plan')}`]);
    expect(calls[2]?.args).toEqual(['apply', '-input=false', harness.path('data/dev/terraform.plan')]);
  });

  it('synthesizes with the images it was given', async () => {
    await deploy();
    const synthesized = await harness.text('infra/envs/dev/cdktf.out/stacks/dev/cdk.tf.json');
    expect(JSON.parse(synthesized)).toMatchObject({ images: harness.path('images.json') });
  });

  it('applies the plan that was shown, and keeps it nowhere', async () => {
    await deploy();
    const applied = (await harness.standIn.calls()).find(({ args }) => args[0] === 'apply');
    expect(applied?.file).toMatch(/^plan of \d+: terraform plan -input=false/);
    expect(await readdir(harness.path('data/dev'))).not.toContain('terraform.plan');
  });

  it('keeps the plan from other users of the machine while it is there', async () => {
    let modes: number[] = [];
    const context = {
      ...harness.context,
      ask: async () => {
        const kept = await Promise.all(['data/dev', 'data/dev/terraform.plan'].map((path) => stat(harness.path(path))));
        modes = kept.map(({ mode }) => mode & 0o777);
        return 'yes';
      },
    };
    await deployEnvironment(context, found, { environment: 'dev', approval: 'to be asked for' });
    expect(modes).toEqual([0o700, 0o600]);
  });

  it('asks at a terminal, and takes only `yes`', async () => {
    harness.typed = ['yes'];
    await deploy('to be asked for');
    expect(await harness.standIn.steps()).toContain('terraform apply');
  });

  it.each([[['y']], [['']], [null]])('changes nothing when %j was typed', async (typed) => {
    harness.typed = typed;
    await expect(deploy('to be asked for')).rejects.toThrow('Nothing was changed');
    expect(await harness.standIn.steps()).not.toContain('terraform apply');
    expect(await readdir(harness.path('data/dev'))).not.toContain('terraform.plan');
  });

  it.each([
    ['init', 'nothing was changed'],
    ['plan', 'nothing was changed'],
    ['apply', 'the next run goes on from there'],
  ])('stops where %s fails, with its exit code', async (step, sentence) => {
    await harness.standIn.answer({ when: `terraform ${step}`, exitCode: 3 });
    await expect(deploy()).rejects.toMatchObject({ exitCode: 3, message: expect.stringContaining(sentence) });
    expect((await harness.standIn.steps()).at(-1)).toBe(`terraform ${step}`);
    expect(await readdir(harness.path('data/dev'))).not.toContain('terraform.plan');
  });

  it('stops where the synthesis fails, with what it said', async () => {
    const main = 'process.stderr.write("gpu.spotMax must be 1.\\n"); process.exit(4);';
    await writeFile(harness.path('infra/envs/dev/main.ts'), main);
    await expect(deploy()).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(/^gpu.spotMax must be 1/),
    });
    expect(await harness.standIn.steps()).toEqual(['terraform version']);
  });
});

describe('the provider’s lock file', () => {
  it('is used, and not changed, where it is committed', async () => {
    await writeFile(harness.path('infra/envs/dev/.terraform.lock.hcl'), '# committed');
    await deploy();
    const [, init] = await harness.standIn.calls();
    expect(init).toMatchObject({ hadLockFile: true, args: expect.arrayContaining(['-lockfile=readonly']) });
  });

  it('is handed out to be committed where there is none', async () => {
    await harness.standIn.answer({ when: 'terraform init', writes: { '.terraform.lock.hcl': '# made' } });
    await deploy();
    expect(await harness.text('infra/envs/dev/.terraform.lock.hcl')).toBe('# made');
    expect(harness.said.join('\n')).toMatch(/^Commit .*\.terraform\.lock\.hcl/m);
  });
});

describe('a plan', () => {
  it('is shown, written as text, and not kept', async () => {
    await harness.standIn.answer({ when: 'terraform show -no-color', stdout: 'Plan: 1 to add' });
    await plan('none', harness.path('plan.txt'));
    expect(await harness.text('plan.txt')).toBe('Plan: 1 to add');
    expect(await readdir(harness.path('data/prod'))).not.toContain('terraform.plan');
    expect(await harness.standIn.steps()).toEqual([...STEPS.slice(0, 3), 'terraform show']);
  });

  it('holds the lock unless it may only read', async () => {
    await plan('held');
    await plan('none');
    const plans = (await harness.standIn.calls()).filter(({ args }) => args[0] === 'plan');
    expect(plans.map(({ args }) => args.includes('-lock=false'))).toEqual([false, true]);
  });
});
