import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandHarness } from '../testing/command-harness.ts';
import { readImages } from '../platform/images.ts';
import { type PushRequest, pushImages } from './push-images-command.ts';

const COMMIT = 'c'.repeat(40);
const DIGEST = `sha256:${'d'.repeat(64)}`;
const REGISTRY = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
const NAMES = ['api', 'worker', 'stager', 'biomedparse', 'brain-mri'];
const PAGE_FILES = ['swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt', 'swagger-ui.css', 'LICENSE', 'NOTICE'];
const BUNDLES = ['api/main.js', 'api/input-check/check-thread.js', 'worker/main.js', 'stager/main.js'];

let harness: CommandHarness;
let bundled: string[];
beforeEach(async () => {
  harness = await CommandHarness.make();
  bundled = [];
  for (const app of ['api', 'worker', 'stager']) {
    await write(`apps/${app}/Dockerfile`, 'FROM scratch');
    await write(`apps/${app}/package.json`, '{"version":"1.2.3"}');
  }
  for (const bundle of BUNDLES) {
    await write(`dist/apps/${bundle}`, 'code');
    await write(`dist/apps/${bundle}.map`, '{}');
  }
  for (const name of PAGE_FILES) await write(`dist/apps/api/swagger-ui/${name}`, 'page');
  for (const model of ['biomedparse', 'brain-mri']) await write(`apps/models/${model}/Dockerfile`, 'FROM scratch');
  await write('apps/models/brain-mri/README.md', 'is in no image');
  await harness.standIn.answer({ when: 'git rev-parse HEAD', stdout: `${COMMIT}\n` });
  await harness.standIn.answer({ when: 'docker buildx imagetools', exitCode: 1, stderr: 'ERROR: x:y: not found' });
  await harness.standIn.answer({
    when: 'docker buildx build',
    stdout: JSON.stringify({ 'containerimage.digest': DIGEST }),
  });
});
afterEach(() => harness.remove());

async function write(path: string, text: string): Promise<void> {
  await mkdir(harness.path(path, '..'), { recursive: true });
  await writeFile(harness.path(path), text);
}

const output = () => harness.path('out/images.json');
const push = (request: Partial<PushRequest> = {}) =>
  pushImages(harness.context, {
    names: [],
    output: output(),
    workTree: 'must be clean',
    bundle: async (app) => void bundled.push(app),
    ...request,
  });
const builds = async () => (await harness.standIn.calls('docker')).filter(({ args }) => args[1] === 'build');
const valueOf = (args: readonly string[], option: string) => args[args.indexOf(option) + 1];

describe('pushing', () => {
  it('builds each image for the machines it runs on, named after the commit, or a model’s after its content', async () => {
    await push();
    const built = (await builds()).map(({ args }) => [
      valueOf(args, '-t')?.replace(/1\.0\.0-[0-9a-f]{16}$/, 'CONTENT'),
      valueOf(args, '--platform'),
    ]);
    expect(built).toEqual([
      [`${REGISTRY}/bpi/api:${COMMIT}`, 'linux/arm64'],
      [`${REGISTRY}/bpi/worker:${COMMIT}`, 'linux/arm64'],
      [`${REGISTRY}/bpi/stager:${COMMIT}`, 'linux/amd64'],
      [`${REGISTRY}/bpi/biomedparse:CONTENT`, 'linux/amd64'],
      [`${REGISTRY}/bpi/brain-mri:CONTENT`, 'linux/amd64'],
    ]);
    for (const { args } of await builds()) {
      expect(args).toEqual(expect.arrayContaining(['--push', '--provenance=false', '--sbom=false']));
    }
    expect(bundled).toEqual(['api', 'worker', 'stager']);
  });

  it('says what the image is made of: versions for ours, the public base for a model', async () => {
    await push();
    const [api, , , model] = await builds();
    expect(api?.args).toEqual(expect.arrayContaining(['VERSION=1.2.3', `REVISION=${COMMIT}`]));
    expect(model?.args).toEqual(expect.arrayContaining(['BASE=debian:bookworm-slim']));
  });

  it('writes a file that a synthesis takes', async () => {
    await push();
    expect(readImages(output(), NAMES)).toEqual(
      Object.fromEntries(NAMES.map((name) => [name, `${REGISTRY}/bpi/${name}@${DIGEST}`])),
    );
    expect(await readdir(harness.path('out'))).toEqual(['images.json']);
    expect(harness.said.at(-1)).toBe(`\nexport IMAGE_DIGESTS=${output()}`);
  });

  it('keeps what the file says of images that were not asked for, and drops what nothing uses', async () => {
    await write('out/images.json', '{"worker":"registry/worker@sha256:0","gone":"registry/gone@sha256:0"}');
    await push({ names: ['stager'] });
    expect(await builds()).toHaveLength(1);
    expect(JSON.parse(await harness.text('out/images.json'))).toEqual({
      stager: `${REGISTRY}/bpi/stager@${DIGEST}`,
      worker: 'registry/worker@sha256:0',
    });
  });

  it('takes a tag that is there as it is, since it never changes', async () => {
    await harness.standIn.answer({ when: 'docker buildx imagetools', stdout: JSON.stringify({ digest: DIGEST }) });
    await push();
    expect(await builds()).toEqual([]);
    expect(readImages(output(), NAMES)['api']).toBe(`${REGISTRY}/bpi/api@${DIGEST}`);
  });

  it('has noted what was pushed when a later one fails', async () => {
    await harness.standIn.answer({ when: `docker buildx imagetools inspect ${REGISTRY}/bpi/worker`, exitCode: 2 });
    await expect(push()).rejects.toMatchObject({ exitCode: 2 });
    expect(Object.keys(JSON.parse(await harness.text('out/images.json')))).toEqual(['api']);
  });
});

describe('a work tree that differs from its commit', () => {
  beforeEach(() => harness.standIn.answer({ when: 'git status --porcelain', stdout: ' M README.md\n' }));

  it('is refused', async () => {
    await expect(push()).rejects.toThrow('commit, or pass --allow-dirty');
    expect(await harness.standIn.calls('docker')).toEqual([]);
  });

  it('gets a tag that was never there', async () => {
    await push({ names: ['api'], workTree: 'may be dirty' });
    const [build] = await builds();
    expect(valueOf(build?.args ?? [], '-t')).toMatch(new RegExp(`/api:${COMMIT}-dirty-\\d{14}$`));
    expect(build?.args).toEqual(expect.arrayContaining([`REVISION=${COMMIT}-dirty`]));
  });
});

describe('what cannot be pushed', () => {
  const refused: [string, string, RegExp][] = [
    [
      'build',
      'exec /bin/sh: exec format error',
      /does not run linux\/arm64: run `docker run --privileged .*--install arm64`/,
    ],
    [
      'build',
      'ERROR: failed to push: no basic auth credentials',
      new RegExp(`\`aws ecr get-login-password --region eu-central-1 \\| docker login .*${REGISTRY}\``),
    ],
    ['imagetools', 'ERROR: 401 Unauthorized', /docker login/],
    ['build', '#12 pushing\n#12 ERROR: failed to push: unexpected status: 403 Forbidden', /docker login/],
    ['build', 'ERROR: denied: User: me is not authorized to perform: ecr:PutImage', /docker login/],
    ['build', 'error: requested access to the resource is denied', /docker login/],
    [
      'build',
      `#7 sha256:${'a401b403-401-'.repeat(4)} 401 kB\nERROR: no space left on device`,
      /run `npx nx run infra:push-images` again/,
    ],
    ['build', '#8 cp: 403: Permission denied: x\nERROR: sha256:ab401cd', /run `npx nx run infra:push-images` again/],
    ['build', 'ERROR: sh: permission denied: ./convert', /run `npx nx run infra:push-images` again/],
    [
      'imagetools',
      "name unknown: The repository with name 'bpi/api' does not exist: not found",
      /run `npx nx run infra:bootstrap`/,
    ],
    ['imagetools', 'docker: unknown command: docker buildx', /docker-buildx-plugin/],
    ['build', 'ERROR: no space left on device', /run `npx nx run infra:push-images` again/],
  ];

  it.each(refused)('at %s, because of %j, is told what to do', async (step, stderr, sentence) => {
    await harness.standIn.answer({ when: `docker buildx ${step}`, exitCode: 7, stderr });
    await expect(push()).rejects.toMatchObject({ exitCode: 7, message: expect.stringMatching(sentence) });
    expect(await readdir(harness.repoRoot)).not.toContain('out');
  });

  it('without Docker is told so', async () => {
    await harness.standIn.without('docker');
    await expect(push()).rejects.toThrow('Docker is missing');
  });

  it('has no such name, or no registry', async () => {
    await expect(push({ names: ['apy'] })).rejects.toThrow('There is no image apy: name some of api, worker');
    delete harness.env['IMAGE_REGISTRY'];
    await expect(push()).rejects.toThrow(/^IMAGE_REGISTRY is not set: run `npx nx run infra:bootstrap`/);
    expect(await harness.standIn.calls('docker')).toEqual([]);
  });
});
