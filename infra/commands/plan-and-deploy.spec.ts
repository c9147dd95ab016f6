import { readdir, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandHarness } from '../testing/command-harness.ts';
import { deployEnvironment, planEnvironment, type PlanRequest } from './plan-and-deploy.ts';

let harness: CommandHarness;
beforeEach(async () => {
  harness = await CommandHarness.make();
});
afterEach(() => harness.remove());

const found = async () => true;
const deploy = (approval: 'given' | 'to be asked for' = 'given') =>
  deployEnvironment(harness.context, found, { environment: 'dev', approval });
const plan = (request: Partial<PlanRequest> = {}) =>
  planEnvironment(harness.context, found, {
    environment: 'prod',
    lock: 'held',
    shown: 'all',
    textFile: null,
    ...request,
  });
const pushed = (name: string) => `registry/bpi/${name}@sha256:${'1'.repeat(64)}`;
const writeImages = (names: readonly string[]) =>
  writeFile(harness.path('images.json'), JSON.stringify(Object.fromEntries(names.map((name) => [name, pushed(name)]))));
const synthesizedWith = async (environment: string) =>
  JSON.parse(await harness.text(`infra/envs/${environment}/cdktf.out/stacks/${environment}/cdk.tf.json`));
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
    expect(await synthesizedWith('dev')).toMatchObject({ images: harness.path('images.json') });
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

  it.each(['plan', 'apply'])('that meets a lock at %s says how to free it', async (step) => {
    const stderr = '│ Error: Error acquiring the state lock\n│ Lock Info:\n│   ID:        0840966b\n';
    await harness.standIn.answer({ when: `terraform ${step}`, exitCode: 1, stderr });
    const folder = harness.path('infra/envs/dev/cdktf.out/stacks/dev');
    const unlock = `cd '${folder}' && TF_DATA_DIR='${harness.path('data/dev/terraform')}' terraform force-unlock ID`;
    await expect(deploy()).rejects.toThrow(unlock);
  });

  it('that could not save its state says how to, and no other begins before that', async () => {
    const folder = harness.path('infra/envs/dev/cdktf.out/stacks/dev');
    const push = `cd '${folder}' && TF_DATA_DIR='${harness.path('data/dev/terraform')}' terraform state push errored.tfstate && rm errored.tfstate`;
    await harness.standIn.answer({ when: 'terraform apply', exitCode: 3, writes: { 'errored.tfstate': '{}' } });
    await expect(deploy()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/^terraform apply failed, .*\nWhat was done is not in the state/),
    });
    await expect(deploy()).rejects.toThrow(push);
    expect((await harness.standIn.steps()).filter((step) => step === 'terraform plan')).toHaveLength(1);
    expect(await harness.text('infra/envs/dev/cdktf.out/stacks/dev/errored.tfstate')).toBe('{}');
  });

  it('that fails otherwise does not speak of locks', async () => {
    await harness.standIn.answer({ when: 'terraform plan', exitCode: 1, stderr: 'Error: no such zone' });
    await expect(deploy()).rejects.toThrow(/^terraform plan failed.*again\.$/);
  });

  it.each([
    ['lacks', ['api', 'stager', 'biomedparse', 'brain-mri']],
    ['names too many of', ['api', 'worker', 'stager', 'biomedparse', 'brain-mri', 'gone']],
  ])('is refused with a file that %s the images', async (_, names) => {
    await writeImages(names);
    await expect(deploy()).rejects.toThrow('nx run infra:push-images`');
    expect(await harness.standIn.steps()).toEqual(['terraform version']);
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
    await plan({ textFile: harness.path('plan.txt') });
    expect(await harness.text('plan.txt')).toBe('Plan: 1 to add');
    expect(await readdir(harness.path('data/prod'))).not.toContain('terraform.plan');
    expect(await harness.standIn.steps()).toEqual([...STEPS.slice(0, 3), 'terraform show']);
  });

  it('holds the lock unless it may only read', async () => {
    await plan({ lock: 'held' });
    await plan({ lock: 'none' });
    const plans = (await harness.standIn.calls()).filter(({ args }) => args[0] === 'plan');
    expect(plans.map(({ args }) => args.includes('-lock=false'))).toEqual([false, true]);
  });

  it.each([
    ['  # aws_vpc.network will be created\n      + name = "value"\n\nPlan: 1 to add.\n', ['Plan: 1 to add.']],
    ['\nChanges to Outputs:\n  + url = "value"\n', ['Changes to Outputs:']],
    ['\nNo changes. It matches.\n', ['No changes. It matches.']],
  ])('that is to be quiet about %j says only its outcome', async (stdout, outcome) => {
    await harness.standIn.answer({ when: 'terraform show -no-color', stdout });
    await plan({ shown: 'errors' });
    expect(harness.said.filter((line) => !/^(synthesized|Commit) /.test(line))).toEqual(outcome);
    expect(await readdir(harness.path('data/prod'))).not.toContain('terraform.plan');
  });

  it('that is to be quiet and has no outcome fails', async () => {
    await expect(plan({ shown: 'errors' })).rejects.toThrow('plan without --quiet');
  });
});

describe('a plan for images that are not those of the file', () => {
  /** The file the synthesis was given, as it was then. */
  const KEEP = `
import * as files from 'node:fs';
files.copyFileSync(process.env.IMAGE_DIGESTS, 'given.json');
files.writeFileSync('mode', (files.statSync(process.env.IMAGE_DIGESTS).mode & 0o777).toString(8));`;
  beforeEach(async () => {
    const main = harness.path('infra/envs/prod/main.ts');
    await writeFile(main, `${KEEP}\n${await harness.text('infra/envs/prod/main.ts')}`);
  });

  it('puts in what is missing, leaves out what is unknown, and says so', async () => {
    await writeImages(['api', 'worker', 'stager', 'gone']);
    await plan();
    expect(JSON.parse(await harness.text('given.json'))).toEqual({
      api: pushed('api'),
      worker: pushed('worker'),
      stager: pushed('stager'),
      biomedparse: `absent/biomedparse@sha256:${'0'.repeat(64)}`,
      'brain-mri': `absent/brain-mri@sha256:${'0'.repeat(64)}`,
    });
    expect(harness.said).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^planned with a placeholder, .*: biomedparse$/),
        expect.stringMatching(/^planned with a placeholder, .*: brain-mri$/),
        'left out, since nothing here uses it: gone',
      ]),
    );
  });

  it('keeps the whole file for itself, and only for the synthesis', async () => {
    await writeImages(['api', 'worker', 'stager']);
    await plan();
    expect(await harness.text('mode')).toBe('600');
    expect(await synthesizedWith('prod')).toMatchObject({ images: harness.path('data/prod/images.json') });
    expect(await readdir(harness.path('data/prod'))).not.toContain('images.json');
    await writeFile(harness.path('infra/envs/prod/main.ts'), 'process.exit(4);');
    await expect(plan()).rejects.toMatchObject({ exitCode: 4 });
    expect(await readdir(harness.path('data/prod'))).not.toContain('images.json');
  });

  it('takes a whole file as it is', async () => {
    await plan();
    expect(await synthesizedWith('prod')).toMatchObject({ images: harness.path('images.json') });
  });

  it.each(['not JSON', '{"api":"registry/bpi/api:latest"}'])('is refused for %s', async (text) => {
    await writeFile(harness.path('images.json'), text);
    await expect(plan()).rejects.toThrow('nx run infra:push-images');
  });
});
