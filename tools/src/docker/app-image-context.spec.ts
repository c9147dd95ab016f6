import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isCurrent } from './app-image-bundle.ts';
import { contextDigest, readContext } from './app-image-context.ts';

const SWAGGER_UI = [
  ...['swagger-ui-bundle.js', 'swagger-ui.css'],
  ...['swagger-ui-bundle.js.LICENSE.txt', 'LICENSE', 'NOTICE'],
].map((name) => `dist/apps/api/swagger-ui/${name}`);

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'app-image-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function put(path: string, text: string, timeMs = Date.now()): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
  await utimes(join(root, path), timeMs / 1000, timeMs / 1000);
}

describe('the context of an app image', () => {
  const from = { nodeImageId: 'sha256:node', version: '1.0.0' };
  const digest = async (): Promise<string> => contextDigest(await readContext(root, 'api'), from);

  beforeEach(async () => {
    await put('apps/api/Dockerfile', 'FROM x');
    await put('dist/apps/api/main.js', 'main()');
    await put('dist/apps/api/main.js.map', '{}');
    await put('dist/apps/api/input-check/check-thread.js', 'check()');
    await put('dist/apps/api/input-check/check-thread.js.map', '{}');
    for (const path of SWAGGER_UI) await put(path, 'page');
    await put('apps/models/echo/model.json', '{}');
  });

  it('is the Dockerfile, the bundles and the manifests', async () => {
    const before = await digest();
    for (const path of ['.env', 'apps/api/.env', 'dist/apps/api/main.local.js', 'apps/models/README.md']) {
      await put(path, 'not for an image');
    }
    await put('apps/models/echo/weights.onnx', 'large');
    await put('apps/models/echo/samples/model.json', '{}');
    expect([...(await readContext(root, 'api')).keys()]).toEqual([
      'apps/api/Dockerfile',
      'dist/apps/api/main.js',
      'dist/apps/api/main.js.map',
      'dist/apps/api/input-check/check-thread.js',
      'dist/apps/api/input-check/check-thread.js.map',
      ...SWAGGER_UI,
      'apps/models/echo/model.json',
    ]);
    expect(await digest()).toBe(before);
  });

  it('has another digest with other bytes, another model, base or version', async () => {
    const seen = [await digest()];
    for (const path of ['apps/api/Dockerfile', 'dist/apps/api/main.js', 'apps/models/echo/model.json']) {
      await put(path, 'changed');
      seen.push(await digest());
    }
    await put('apps/models/second/model.json', '{}');
    const context = await readContext(root, 'api');
    seen.push(contextDigest(context, from));
    seen.push(contextDigest(context, { ...from, nodeImageId: 'sha256:other' }));
    seen.push(contextDigest(context, { ...from, version: '1.0.1' }));
    expect(new Set(seen).size).toBe(7);
  });

  it.each(['dist/apps/api/main.js', 'dist/apps/api/swagger-ui/swagger-ui.css'])(
    'is refused without %s',
    async (path) => {
      await rm(join(root, path));
      await expect(readContext(root, 'api')).rejects.toMatchObject({ code: 'build_failed' });
    },
  );
});

describe('the bundles of an app', () => {
  const BEFORE_MS = 1_700_000_000_000;
  const BUNDLED_MS = BEFORE_MS + 60_000;
  const AFTER_MS = BUNDLED_MS + 60_000;
  const INPUTS = ['tools/src/build.ts', 'package-lock.json', 'tsconfig.json', 'apps/api/tsconfig.json'];
  const SOURCE = 'apps/worker/src/main.ts';

  beforeEach(async () => {
    for (const path of [...INPUTS, SOURCE]) await put(path, '', BEFORE_MS);
    // A dependency's map may name what it was compiled from, which is not shipped.
    const sources = ['../../../apps/worker/src/main.ts', '../../../node_modules/dependency/src/absent.ts'];
    await put('dist/apps/worker/main.js', '', BUNDLED_MS);
    await put('dist/apps/worker/main.js.map', JSON.stringify({ sources }), BUNDLED_MS);
  });

  it('are current while nothing that they were made from is newer', async () => {
    expect(await isCurrent(root, 'worker')).toBe(true);
  });

  it.each([...INPUTS, SOURCE])('are not once %s changed', async (path) => {
    await put(path, 'changed', AFTER_MS);
    expect(await isCurrent(root, 'worker')).toBe(false);
  });

  it.each(['dist/apps/worker/main.js', 'dist/apps/worker/main.js.map', SOURCE])('are not without %s', async (path) => {
    await rm(join(root, path));
    expect(await isCurrent(root, 'worker')).toBe(false);
  });
});
