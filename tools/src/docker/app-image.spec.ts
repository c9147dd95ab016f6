import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import Dockerode from 'dockerode';
import { type App, APPS } from './app-image-bundle.ts';
import { dockerfileOf } from './app-image-context.ts';
import { filesOnTop, runHardened } from './app-image-testing.ts';
import { type AppImage, type AppImageOptions, ensureAppImage, ensureImageOfBundle } from './app-image.ts';
import { imageEvents } from './image-events.ts';
import { buildOwnNodeImage, ensureNodeImage, NODE_IMAGE, OWN_NODE_IMAGE } from './node-base.ts';

const repoRoot = join(import.meta.dirname, '../../..');
/** Of the image without its Node base. */
const OWN_BYTES_MAX = 150_000_000;
const SECRET = 'Quillfeather-19470312';
const BUILD_MS = 300_000;
const STEP_MS = 60_000;

const socketPath = process.env['BPI_TEST_DOCKER_SOCKET'];
if (socketPath === undefined) throw new Error('BPI_TEST_DOCKER_SOCKET is not set: run these tests by ./tools/test');
const docker = new Dockerode({ socketPath });
// What a host may hold of secrets must leave no trace in an image.
const host = { log: () => {}, environment: { ...process.env, HTTPS_PROXY: `http://user:${SECRET}@proxy.test` } };

let base: { image: string; imageId: string };
const images = new Map<App, AppImage>();
const imageOf = (app: App): string => images.get(app)?.imageId ?? '';
const optionsOf = (app: App): AppImageOptions => ({ repoRoot, app, nodeImage: base.image, ...host });

beforeAll(async () => {
  base = await ensureNodeImage(docker, { repoRoot, log: () => {}, environment: process.env });
  for (const app of APPS) images.set(app, await ensureAppImage(docker, optionsOf(app)));
}, BUILD_MS);

describe.each(APPS)('the image of the %s', (app) => {
  it('is small', async () => {
    const [whole, below] = await Promise.all(
      [imageOf(app), base.imageId].map(async (id) => (await docker.getImage(id).inspect()).Size),
    );
    expect((whole ?? Infinity) - (below ?? 0)).toBeLessThan(OWN_BYTES_MAX);
  });

  it('says how it runs and what it is', async () => {
    const { Config, RepoTags } = await docker.getImage(imageOf(app)).inspect();
    const { version } = JSON.parse(await readFile(join(repoRoot, `apps/${app}/package.json`), 'utf8'));
    expect(RepoTags).toContain(`bpi/${app}:${version}`);
    expect(Config).toMatchObject({
      User: '65532:65532',
      WorkingDir: '/app',
      Entrypoint: ['node', '--enable-source-maps', 'main.js'],
      Cmd: null,
      StopSignal: 'SIGTERM',
    });
    expect(Config.Env).toContain('NODE_ENV=production');
    expect(Config.Labels).toMatchObject({
      'org.opencontainers.image.title': `bpi-${app}`,
      'org.opencontainers.image.licenses': 'LicenseRef-UNLICENSED',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': expect.stringMatching(/^([0-9a-f]{40}(-dirty)?|unknown)$/),
    });
    expect(Object.keys(Config.ExposedPorts ?? {})).toEqual(app === 'api' ? ['8080/tcp'] : []);
  });

  it(
    'holds the bundles, the manifests and nothing else',
    async () => {
      const { added, removed } = await filesOnTop(docker, { image: imageOf(app), base: base.imageId });
      const paths = added.map((line) => line.split(' ')[0] ?? '');
      const expected: Record<App, string[]> = {
        api: [
          '/app/input-check',
          '/app/input-check/check-thread.js',
          '/app/input-check/check-thread.js.map',
          '/app/models',
          '/app/models/biomedparse',
          '/app/models/biomedparse/model.json',
          '/app/models/brain-mri',
          '/app/models/brain-mri/model.json',
          ...[
            '',
            '/LICENSE',
            '/NOTICE',
            '/swagger-ui-bundle.js',
            '/swagger-ui-bundle.js.LICENSE.txt',
            '/swagger-ui.css',
          ].map((name) => `/app/swagger-ui${name}`),
          '/scratch',
        ],
        worker: [],
        stager: ['', '/control', '/inputs', '/logs', '/outputs'].map((folder) => `/workspace${folder}`),
      };
      expect(paths.sort()).toEqual(['/app', '/app/main.js', '/app/main.js.map', ...expected[app]].sort());
      expect(removed).toEqual([]);
      // Whoever runs it, it cannot change itself; the folders that it writes to are volumes.
      const own = added.filter((line) => !/^\/(workspace|scratch)[/ ]/.test(line) && !line.startsWith('/app 40755 '));
      expect(own.filter((line) => !/ (40555|100444) 0:0( |$)/.test(line))).toEqual([]);
    },
    STEP_MS,
  );

  it('tells nothing of the host that built it', async () => {
    const image = docker.getImage(imageOf(app));
    const told = JSON.stringify([await image.inspect(), await image.history()]);
    expect(told).toContain('main.js');
    expect(told).not.toContain(SECRET);
    expect(told).not.toContain(repoRoot);
  });

  it('runs as nobody, who can write to /tmp only', async () => {
    const script = `
      const { writeFileSync } = require('node:fs');
      const written = ['/app/x', '/x', '/var/x', '/tmp/x'].filter((path) => {
        try { writeFileSync(path, ''); return true; } catch { return false; }
      });
      console.log(JSON.stringify({ uid: process.getuid(), gid: process.getgid(), written }));
    `;
    const { stdout } = await runHardened(docker, { image: imageOf(app), script });
    expect(JSON.parse(stdout)).toEqual({ uid: 65_532, gid: 65_532, written: ['/tmp/x'] });
  });

  it(
    'says in one sentence each which variables it lacks, and ends with 1',
    async () => {
      const args = app === 'stager' ? ['stage-in'] : [];
      const { exitCode, stderr } = await runHardened(docker, { image: imageOf(app), args });
      const lines = stderr.trim().split('\n');
      expect(lines.filter((line) => !/^[A-Z][A-Z0-9_]+ (must|is) .+\.$/.test(line))).toEqual([]);
      const names = lines.map((line) => line.split(' ')[0]);
      expect(new Set(names).size).toBe(names.length);
      expect(names).toEqual(expect.arrayContaining(['AWS_REGION', 'BUCKET']));
      expect(exitCode).toBe(1);
    },
    STEP_MS,
  );

  it('is left as it is when nothing changed', async () => {
    expect(await ensureAppImage(docker, optionsOf(app))).toEqual({ ...images.get(app), outcome: 'present' });
  });

  it('has a Dockerfile that the classic builder reads without arguments', async () => {
    // Steps begin once the whole file is read; the base may have to come from a registry, so the first one is enough.
    const abort = new AbortController();
    const path = dockerfileOf(app);
    const src = [path];
    const answer = await docker.buildImage(
      { context: repoRoot, src },
      { dockerfile: path, networkmode: 'none', abortSignal: abort.signal },
    );
    const events = imageEvents(answer);
    const { value: first } = await events.next();
    abort.abort();
    await events.return(undefined).catch(() => {});
    expect(first?.stream).toMatch(/^Step 1\/\d+ : ARG NODE_IMAGE=/);
    expect(first?.stream).toContain(`ARG NODE_IMAGE=${NODE_IMAGE}`);
  });
});

describe('the image of the api', () => {
  it('has the program of the check threads where main.js looks for it', async () => {
    const script = `
      const { Worker } = require('node:worker_threads');
      const thread = new Worker(new URL('./input-check/check-thread.js', 'file:///app/main.js'));
      thread.on('error', (error) => { console.error(error.message); process.exit(1); });
      thread.on('message', ({ kind }) => { console.log(kind); process.exit(0); });
      thread.postMessage({});
    `;
    expect(await runHardened(docker, { image: imageOf('api'), script })).toMatchObject({
      exitCode: 0,
      stdout: 'failed\n', // there is no such request, and it says so instead of dying
    });
  });
});

/** What each app writes to: volumes, so that nothing lies in a container. */
const FOLDERS = {
  api: ['/scratch'],
  stager: ['inputs', 'outputs', 'logs', 'control'].map((name) => `/workspace/${name}`),
};

describe.each(['api', 'stager'] as const)('the folders of the %s', (app) => {
  const volumes = new Map<string, string>();
  afterEach(async () => {
    for (const name of volumes.keys()) await docker.getVolume(name).remove({ force: true });
    volumes.clear();
  });

  it('are handed on to fresh volumes, for its user to write', async () => {
    const folders = FOLDERS[app];
    for (const folder of folders) volumes.set(`bpi-test-${randomUUID()}`, folder);
    const script = `
      const { statSync, writeFileSync } = require('node:fs');
      console.log(JSON.stringify(${JSON.stringify(folders)}.map((folder) => {
        const { uid, gid, mode } = statSync(folder);
        writeFileSync(folder + '/written', '');
        return [folder, uid, gid, (mode & 0o7777).toString(8)].join(' ');
      })));
    `;
    const ran = await runHardened(docker, { image: imageOf(app), script, volumes: Object.fromEntries(volumes) });
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(ran.stdout)).toEqual(folders.map((folder) => `${folder} 65532 65532 755`));
  });

  it('are declared, without which Fargate would make them root’s', async () => {
    const { Config } = await docker.getImage(imageOf(app)).inspect();
    expect(Object.keys(Config.Volumes ?? {}).sort()).toEqual([...FOLDERS[app]].sort());
  });
});

describe('the Node base', () => {
  let empty: string;
  beforeAll(async () => {
    empty = await mkdtemp(join(tmpdir(), 'bpi-no-node-'));
  });
  afterAll(async () => {
    await rm(empty, { recursive: true });
  });

  it('is of the version that everything here runs with', async () => {
    const { devDependencies } = JSON.parse(await readFile(join(repoRoot, 'package.json'), 'utf8'));
    const { stdout } = await runHardened(docker, { image: base.imageId, script: 'console.log(process.version)' });
    expect(stdout).toBe(`v${devDependencies.node}\n`);
    for (const name of [NODE_IMAGE, OWN_NODE_IMAGE]) expect(name).toContain(`:${devDependencies.node}-`);
  });

  it('that was asked for by name is used or refused, never replaced', async () => {
    const asked = { repoRoot, log: () => {}, environment: process.env };
    const present = ensureNodeImage(docker, { ...asked, image: base.image });
    expect(await present).toEqual(base);
    // Nothing listens on port 1, so the pull fails at once.
    const absent = ensureNodeImage(docker, { ...asked, image: '127.0.0.1:1/none:0' });
    await expect(absent).rejects.toMatchObject({ code: 'base_image_failed' });
    const options = { ...optionsOf('api'), nodeImage: 'bpi/no-such-node:0' };
    await expect(ensureImageOfBundle(docker, options)).rejects.toMatchObject({ code: 'image_missing' });
  });

  it('cannot be made without a Node of that version', async () => {
    const made = buildOwnNodeImage(docker, { repoRoot: empty, log: () => {}, environment: process.env });
    await expect(made).rejects.toMatchObject({ code: 'base_image_failed' });
  });
});
