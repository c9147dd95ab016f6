import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { allowedMethods, ROUTES, type ModelManifest } from '@bpi/job-contract';
import { CONTROLLERS } from './app.module.ts';
import { routePath } from './http/route-path.ts';
import { VOLUME_PROBLEMS } from './input-check/volume-problems.ts';
import { leftovers, problemOf, startTestApi, until, type TestApi } from './testing/api-harness.ts';
import { usualNpz } from './testing/npz.ts';
import { TEST_MODELS } from './testing/test-models.ts';
import { BODY_END, FILE_PART_HEAD, head, inferHead, RawConnection } from './testing/raw-http.ts';

let api: TestApi | null = null;
afterEach(async () => {
  await api?.close();
  api = null;
});

describe('the routes', () => {
  it('are those of the contract’s table: none undocumented, none missing', () => {
    const declared: string[] = [];
    for (const controller of CONTROLLERS) {
      const prefix: string = Reflect.getMetadata('path', controller);
      for (const name of Object.getOwnPropertyNames(controller.prototype)) {
        const handler: unknown = Reflect.get(controller.prototype, name);
        if (name === 'constructor' || typeof handler !== 'function' || !Reflect.hasMetadata('path', handler)) continue;
        const path = [prefix, Reflect.getMetadata('path', handler)].filter((part) => part !== '/').join('/');
        const method: RequestMethod = Reflect.getMetadata('method', handler);
        declared.push(`${RequestMethod[method]} /${path}`);
      }
    }
    expect(declared.sort()).toEqual(ROUTES.map(({ method, path }) => `${method} ${routePath(path)}`).sort());
  });

  it('say by which codes a volume may be refused', () => {
    const infer = ROUTES.find(({ path }) => path === '/infer');
    const documented = [...(infer?.problems ?? []), 'internal'];
    expect(Object.values(VOLUME_PROBLEMS).filter((code) => !documented.includes(code))).toEqual([]);
  });

  it('refuse other methods with those they know', async () => {
    api = await startTestApi();
    for (const path of new Set(ROUTES.map((route) => route.path))) {
      const allowed = allowedMethods(path);
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        if (allowed.includes(method)) continue;
        const response = await fetch(api.url + path.replaceAll(/\{\w+\}/g, 'x'), { method });
        expect([path, method, response.status, response.headers.get('allow')]).toEqual([
          path,
          method,
          405,
          allowed.join(', '),
        ]);
        expect((await problemOf(response)).code).toBe('method_not_allowed');
      }
    }
  });

  it('answer an unknown path with a problem', async () => {
    api = await startTestApi();
    for (const path of [
      '/',
      '/nope',
      '/infer/x',
      '/status',
      '/docs/x',
      '/docs/../etc',
      '/%2e%2e%2fetc',
      '/constructor',
    ]) {
      const response = await fetch(api.url + path);
      expect([response.status, (await problemOf(response)).code]).toEqual([404, 'not_found']);
    }
  });

  it('show the models without their images', async () => {
    api = await startTestApi();
    const text = await (await fetch(`${api.url}/models`)).text();
    expect(text).not.toMatch(/secret-(image|weights)/);
    expect(JSON.parse(text).models.map(({ name }: { name: string }) => name)).toEqual(['fixed', 'prompted']);
    const one = await fetch(`${api.url}/models/fixed`);
    expect(await one.json()).toMatchObject({ is_default: true, prompts: 'optional', limits: { dim_max: 2048 } });
    expect((await fetch(`${api.url}/models/none`)).status).toBe(404);
  });

  it('show how far a model is to be trusted, what to ask it, and whether it can run at all', async () => {
    const shown = async (models: readonly ModelManifest[], name: string) => {
      api = await startTestApi({ models });
      const view: unknown = await (await fetch(`${api.url}/models/${name}`)).json();
      await api.close();
      api = null;
      return view;
    };
    expect(await shown(TEST_MODELS, 'prompted')).toMatchObject({
      evidence: 'None: it exists in tests only.',
      prompt_examples: [{ modality: 'CT', prompts: ['Liver in abdominal CT'] }],
      weights: 'not_pinned',
    });
    expect(await shown(TEST_MODELS, 'fixed')).toMatchObject({ prompt_examples: [], weights: 'in_image' });
    const pinned = TEST_MODELS.map((model) => ({ ...model, weights: { file: 'w.ckpt', sha256: 'ab'.repeat(32) } }));
    expect(await shown(pinned, 'fixed')).toMatchObject({ weights: 'pinned' });
  });

  it('say not ready, and no more, when a dependency fails or hangs', async () => {
    for (const check of [async () => Promise.reject(new Error('secret')), async () => new Promise<void>(() => {})]) {
      api = await startTestApi({ readiness: [check] });
      const response = await fetch(`${api.url}/health/ready`);
      const problem = await problemOf(response);
      expect([response.status, problem.code]).toEqual([503, 'unavailable']);
      expect(JSON.stringify(problem)).not.toContain('secret');
      expect((await fetch(`${api.url}/health/live`)).status).toBe(200);
      await api.close();
      api = null;
    }
  });

  it('survive what is no HTTP', async () => {
    api = await startTestApi();
    const smuggling = head('GET', '/', ['Content-Length: 1', 'Transfer-Encoding: chunked']);
    for (const text of ['\0\0\0', smuggling]) {
      const connection = await RawConnection.open(api.port);
      connection.send(text);
      connection.send(head('GET', '/models'));
      await until(() => connection.isClosed);
      expect(connection.received).toContain('HTTP/1.1 400');
    }
  });
});

describe('closing', () => {
  it('lets an upload under way become a job and takes no new request', async () => {
    const closing = await startTestApi();
    await (await fetch(`${closing.url}/health/live`)).text(); // its connection is kept alive
    const body = FILE_PART_HEAD + usualNpz().toString('latin1') + BODY_END;
    const connection = await RawConnection.open(closing.port);
    connection.send(inferHead([`Content-Length: ${body.length}`]) + FILE_PART_HEAD);
    await until(async () => (await leftovers(closing)).scratch.length === 1);
    const closed = closing.close();
    await expect(fetch(`${closing.url}/health/live`)).rejects.toThrow();
    connection.send(Buffer.from(body.slice(FILE_PART_HEAD.length), 'latin1'));
    await closed;
    await until(() => connection.isClosed);
    expect(connection.received).toContain('202 Accepted');
  });

  it('waits no longer than it may', async () => {
    const closing = await startTestApi({ settings: { shutdownMs: 100 } });
    const connection = await RawConnection.open(closing.port);
    connection.send(inferHead(['Content-Length: 500000']) + FILE_PART_HEAD);
    await until(async () => (await leftovers(closing)).scratch.length === 1);
    await closing.close();
    await until(() => connection.isClosed);
  });
});
