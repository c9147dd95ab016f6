import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { mainOf, runMain, synthesizedEnvironment, type Environment } from '../testing/environment.ts';
import { addressesOf, cycleIn, referencesOf, textsIn } from '../testing/references.ts';
import type { SynthesizedStack } from '../testing/synth-construct.ts';

const BOOTSTRAP_ENV = { GITHUB_REPOSITORY: 'acme/inference' };
const repoRoot = join(import.meta.dirname, '../..');

describe.each<[Environment, Readonly<Record<string, string>>]>([
  ['dev', {}],
  ['prod', {}],
  ['bootstrap', BOOTSTRAP_ENV],
])('the environment %s', (environment, env) => {
  let stack: SynthesizedStack;
  beforeAll(() => {
    stack = synthesizedEnvironment(environment, env);
  });

  it('refers only to what it has, and in no circle', () => {
    const references = referencesOf(stack);
    const known = addressesOf(stack);
    const dangling = [...references].flatMap(([from, to]) =>
      [...to].filter((address) => !known.has(address)).map((address) => `${from} → ${address}`),
    );
    expect(references.size).toBeGreaterThan(10);
    expect(dangling).toEqual([]);
    expect(cycleIn(references)).toBeNull();
  });

  it('holds no account’s number and no secret', () => {
    const texts = textsIn(stack);
    expect(texts.filter((text) => /(?<![\da-f-])\d{12}(?![\da-f-])/.test(text))).toEqual([]);
    const secret = /\b(AKIA|ASIA)[A-Z0-9]{16}\b|BEGIN [A-Z ]*PRIVATE KEY|(password|secret_?(access_?)?key)"?\s*[:=]/i;
    expect(texts.filter((text) => secret.test(text))).toEqual([]);
  });

  it('keeps its state in S3, under its own key and lock', () => {
    expect(stack.terraform).toMatchObject({
      backend: {
        s3: { key: `${environment}/terraform.tfstate`, region: 'us-east-1', encrypt: true, use_lockfile: true },
      },
      required_version: '>= 1.10.0',
      required_providers: { aws: { source: 'aws', version: '6.25.0' } },
    });
  });

  it('is short', () => {
    expect(readFileSync(mainOf(environment), 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(60);
  });
});

describe.each(['dev', 'prod'] as const)('the synthesis of %s', (environment) => {
  it('is of one literal, without a condition', () => {
    const lines = readFileSync(mainOf(environment), 'utf8').split('\n');
    expect(lines.filter((line) => /\bif \(|\?(?![?.])\s.*\s:\s|switch \(|isProd/.test(line))).toEqual([]);
  });

  it('says so when no images are named', () => {
    expect(runMain(environment).stderr).toContain('IMAGE_DIGESTS names no file');
  });

  it('stops with a sentence when the images are not whole', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bpi-images-'));
    const file = join(folder, 'images.json');
    writeFileSync(file, '{}');
    const { exitCode, stderr } = runMain(environment, { IMAGE_DIGESTS: file });
    rmSync(folder, { recursive: true });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringMatching(
        /lacks api, worker, stager, biomedparse, brain-mri: run `npx nx run infra:push-images`/,
      ),
    });
  });
});

it('has all its stacks in one region: the boundary of every role admits no other', () => {
  const stacks = (['dev', 'prod'] as const).map((environment) => synthesizedEnvironment(environment));
  const regions = [...stacks, synthesizedEnvironment('bootstrap', BOOTSTRAP_ENV)].map(({ provider }) => provider);
  expect(new Set(regions.map((provider) => JSON.stringify(provider).match(/"region":"([^"]+)"/)?.[1])).size).toBe(1);
});

describe('the source of the infrastructure', () => {
  it('imports the provider resource by resource: its root takes seconds and half a gigabyte', () => {
    const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'infra/**/*.ts'], {
      cwd: repoRoot,
      encoding: 'utf8',
    });
    const imports = files
      .split('\n')
      .filter((path) => path !== '')
      .flatMap((path) => readFileSync(join(repoRoot, path), 'utf8').match(/from '@cdktf\/provider-aws[^']*'/g) ?? []);
    expect(imports.length).toBeGreaterThan(20);
    expect(imports.filter((text) => !/provider-aws\/lib\/[a-z0-9-]+\/index\.js'$/.test(text))).toEqual([]);
  });
});
