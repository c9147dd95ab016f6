/** The targets as a human or a workflow calls them: real nx, the real stack, and stand-ins for Terraform and Docker. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { synthesizedEnvironment } from '../testing/environment.ts';
import { StandInPrograms } from '../testing/stand-in-programs.ts';
import { DEV } from './empty-dev.ts';

const REPO_ROOT = join(import.meta.dirname, '../..');
const NX_MS_MAX = 60_000;

let folder: string;
let standIn: StandInPrograms;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nx-targets-'));
  standIn = await StandInPrograms.make();
  // nx asks the real one for itself.
  await standIn.without('git');
  const names = ['api', 'worker', 'stager', 'biomedparse', 'brain-mri'];
  const images = names.map((name) => [name, `registry/bpi/${name}@sha256:${'1'.repeat(64)}`]);
  await writeFile(join(folder, 'images.json'), JSON.stringify(Object.fromEntries(images)));
});
afterEach(async () => {
  await standIn.remove();
  await rm(folder, { recursive: true, force: true });
});

function nx(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const path = standIn.path(process.env['PATH'] ?? '');
  const { status, stdout, stderr } = spawnSync(join(REPO_ROOT, 'node_modules/.bin/nx'), [...args], {
    cwd: REPO_ROOT,
    env: {
      PATH: path,
      HOME: folder,
      NX_DAEMON: 'false',
      NX_TUI: 'false',
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
      INFRA_DATA_DIR: join(folder, 'data'),
      TF_STATE_BUCKET: 'bpi-state-123456789012',
      TF_VAR_alert_email: 'someone@example.org',
      IMAGE_DIGESTS: join(folder, 'images.json'),
      IMAGE_REGISTRY: '123456789012.dkr.ecr.us-east-1.amazonaws.com',
      ...env,
    },
    encoding: 'utf8',
    timeout: NX_MS_MAX,
  });
  return { status, said: `${stdout}${stderr}` };
}

const argsOf = async (step: string) => (await standIn.calls()).find(({ args }) => args[0] === step)?.args;

describe('nx run infra:deploy-dev', () => {
  it('plans the real stack and applies that plan', async () => {
    await standIn.answer({ when: 'terraform plan', stdout: 'what an attribute holds' });
    const { status, said } = nx(['run', 'infra:deploy-dev', '--approve']);
    expect({ status, said }).toMatchObject({ status: 0, said: expect.stringContaining('what an attribute holds') });
    const steps = ['version', 'init', 'plan', 'apply'].map((step) => `terraform ${step}`);
    expect(await standIn.steps()).toEqual(steps);
    const applied = (await standIn.calls()).find(({ args }) => args[0] === 'apply');
    expect(applied).toMatchObject({
      cwd: join(REPO_ROOT, 'infra/envs/dev/cdktf.out/stacks/dev'),
      file: expect.stringContaining('terraform plan'),
    });
    expect(await readFile(join(applied?.cwd ?? '', 'cdk.tf.json'), 'utf8')).toContain(`sha256:${'1'.repeat(64)}`);
  }, 60_000);
});

describe('options, as the workflows give them,', () => {
  it('reach a plan, also one for a model that nobody has pushed', async () => {
    await standIn.answer({ when: 'terraform show', stdout: 'No changes.' });
    const text = join(folder, 'plan.txt');
    const whole: Record<string, string> = JSON.parse(await readFile(join(folder, 'images.json'), 'utf8'));
    const { 'brain-mri': gone = '', ...rest } = whole;
    await writeFile(join(folder, 'images.json'), JSON.stringify({ ...rest, gone }));
    await standIn.answer({ when: 'terraform plan', stdout: 'what an attribute holds' });
    const { status, said } = nx(['run', 'infra:plan-dev', '--', '--no-lock', '--quiet', `--text=${text}`]);
    expect({ status, said }).toMatchObject({ status: 0, said: expect.stringContaining('\nNo changes.\n') });
    expect(said).not.toContain('what an attribute holds');
    expect(await argsOf('plan')).toContain('-lock=false');
    expect(await readFile(text, 'utf8')).toBe('No changes.');
    const planned = (await standIn.calls()).find(({ args }) => args[0] === 'plan');
    const synthesized = await readFile(join(planned?.cwd ?? '', 'cdk.tf.json'), 'utf8');
    expect(synthesized).toContain('absent/brain-mri@');
    expect(synthesized).toContain(rest['api']);
  }, 60_000);

  it('reach a push of images', async () => {
    const digest = `sha256:${'d'.repeat(64)}`;
    await standIn.answer({ when: 'docker buildx imagetools', stdout: JSON.stringify({ digest }) });
    const output = join(folder, 'pushed.json');
    expect(
      nx(['run', 'infra:push-images', '--', 'stager', 'brain-mri', `--output=${output}`, '--allow-dirty']),
    ).toMatchObject({
      status: 0,
    });
    expect(Object.keys(JSON.parse(await readFile(output, 'utf8')))).toEqual(['brain-mri', 'stager']);
  }, 60_000);

  it('do not reach a destruction that was not confirmed', async () => {
    const { status, said } = nx(['run', 'infra:destroy-dev', '--', '--confirm=prod']);
    expect(said).toContain('Nothing was destroyed');
    expect(status).not.toBe(0);
    expect(await standIn.steps()).toEqual([]);
  }, 60_000);
});

describe('what destroy-dev calls things', () => {
  it('is what the stack of dev calls them', () => {
    const { resource } = synthesizedEnvironment('dev', { IMAGE_DIGESTS: '' });
    const named = (type: string, key = 'name') => Object.values(resource[type] ?? {}).map((body) => body[key]);
    expect(named('aws_ecs_cluster')).toEqual([DEV.cluster]);
    expect(named('aws_ecs_service').sort()).toEqual([...DEV.services].sort());
    expect(named('aws_autoscaling_group').sort()).toEqual([...DEV.groups].sort());
    expect(named('aws_dynamodb_table')).toEqual([DEV.table]);
    for (const family of named('aws_ecs_task_definition', 'family')) {
      expect(family).toMatch(new RegExp(`^${DEV.prefix}`));
    }
  }, 30_000);
});
