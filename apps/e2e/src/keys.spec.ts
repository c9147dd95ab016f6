import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiKeyPattern, openApiDocument, ROUTES } from '@bpi/job-contract';
import { Client } from '@bpi/tools';
import { startAwsHarness, type AwsHarness } from './aws-harness.ts';
import { repoRoot, startHarness, type Harness } from './harness.ts';

const run = promisify(execFile);

/** Of a built API, which brings the files of the page itself. Everything is asked for without a key. */
async function expectOpenDocumentation(url: string): Promise<void> {
  expect(await (await fetch(`${url}/openapi.json`)).json()).toEqual(openApiDocument());
  const page = await (await fetch(`${url}/docs`)).text();
  const files = [...page.matchAll(/(?:href|src)="(\/docs\/[^"]+)"/g)].map(([, path = '']) => path);
  expect(files).toEqual(expect.arrayContaining(['/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css']));
  for (const path of [...files, '/docs/errors']) expect([path, (await fetch(url + path)).status]).toEqual([path, 200]);
}

describe('API keys made by tools/keys', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  }, 60_000);
  afterAll(() => harness.close());

  async function keys(...args: string[]): Promise<string> {
    const { stdout } = await run(process.execPath, [
      join(repoRoot, 'tools/src/keys.ts'),
      ...args,
      '--data',
      harness.dataDir,
    ]);
    return stdout.trim();
  }

  it('let their client in, and nobody without one from the first key on', async () => {
    const input = { inputPath: harness.input('plain'), model: 'echo' };
    const key = await keys('create', 'clinic-a');
    await expect(harness.client.infer(input)).rejects.toMatchObject({ code: 'unauthorized' });
    const { job_id: jobId } = await new Client(harness.platform.url, key).infer(input);
    const other = new Client(harness.platform.url, await keys('create', 'clinic-b'));
    await expect(other.status(jobId)).rejects.toMatchObject({ code: 'not_found' });
  }, 60_000);

  it('are needed for every route but health and documentation', async () => {
    await keys('create', 'clinic-c');
    for (const { method, path, access } of ROUTES) {
      const response = await fetch(harness.platform.url + path.replaceAll(/\{\w+\}/g, 'x'), { method });
      expect([path, response.status === 401]).toEqual([path, access === 'key']);
      await response.arrayBuffer();
    }
    await expectOpenDocumentation(harness.platform.url);
  }, 60_000);

  it('are two per client at most, are listed without their secret, and end when they are revoked', async () => {
    const second = await keys('create', 'clinic-a');
    await expect(keys('create', 'clinic-a')).rejects.toThrow('revoke one first');
    const [, keyId = '', secret = ''] = apiKeyPattern.exec(second) ?? [];
    const listed = await keys('list');
    expect(listed).toContain(keyId);
    expect(listed).not.toContain(secret);
    await keys('revoke', keyId);
    const input = { inputPath: harness.input('plain'), model: 'echo' };
    await expect(new Client(harness.platform.url, second).infer(input)).rejects.toMatchObject({ code: 'unauthorized' });
  }, 60_000);

  it('are refused for a name that is none', async () => {
    await expect(keys('create', 'Clinic A')).rejects.toThrow('lower-case letters');
  });
});

describe('API keys made by tools/keys --table', () => {
  let harness: AwsHarness;
  beforeAll(async () => {
    harness = await startAwsHarness();
  }, 60_000);
  afterAll(() => harness.close());

  async function keys(args: string[], region: string): Promise<string> {
    const { PATH = '' } = process.env;
    const env = {
      PATH,
      AWS_REGION: region,
      AWS_ENDPOINT_URL: harness.platform.endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    const { table } = harness.platform.resources;
    const script = join(repoRoot, 'tools/src/keys.ts');
    const { stdout } = await run(process.execPath, [script, ...args, '--table', table], { env });
    return stdout.trim();
  }

  it('let their client in until they are revoked', async () => {
    const key = await keys(['create', 'clinic-a'], 'us-east-1');
    const client = new Client(harness.platform.url, key);
    const { job_id: jobId } = await client.infer({ inputPath: harness.input('plain'), model: 'echo' });
    await expect(harness.client.status(jobId)).rejects.toMatchObject({ code: 'not_found' });
    await keys(['revoke', apiKeyPattern.exec(key)?.[1] ?? ''], 'us-east-1');
    await expect(client.status(jobId)).rejects.toMatchObject({ code: 'unauthorized' });
  }, 60_000);

  it('are not needed for the documentation', async () => {
    await expectOpenDocumentation(harness.platform.url);
  }, 60_000);

  it('need the region of the table', async () => {
    await expect(keys(['list'], '')).rejects.toThrow('AWS_REGION is not set');
  });
});
