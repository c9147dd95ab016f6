import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@bpi/tools';
import { repoRoot, startHarness, type Harness } from './harness.ts';

const run = promisify(execFile);

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

  it('are two per client at most, are listed without their secret, and end when they are revoked', async () => {
    const second = await keys('create', 'clinic-a');
    await expect(keys('create', 'clinic-a')).rejects.toThrow('revoke one first');
    const [, keyId = '', secret = ''] = second.split('_');
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
