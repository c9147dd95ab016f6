import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isJobId } from '@bpi/job-contract';
import { AttemptFolder } from './attempt-folder.ts';
import { DriverLease, LEASE } from './driver-lease.ts';

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

describe('the lease on an attempt', () => {
  let root: string;
  let folder: AttemptFolder;
  const held: DriverLease[] = [];
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'bpi-lease-'));
    const jobId = '6a8e2c1d-4b3f-4c5a-9d7e-0f1a2b3c4d5e';
    if (!isJobId(jobId)) throw new Error('the id above is version 4');
    folder = new AttemptFolder(root, { jobId, epoch: 1 });
    await mkdir(folder.path);
  });
  afterEach(async () => {
    for (const lease of held.splice(0)) await lease.release();
    await rm(root, { recursive: true });
  });

  async function take(): Promise<DriverLease | null> {
    const lease = await DriverLease.take(folder, clock);
    if (lease !== null) held.push(lease);
    return lease;
  }

  it('is held by one, and free at once after its release', async () => {
    const lease = await take();
    expect(lease).not.toBeNull();
    expect(await take()).toBeNull();
    await lease?.release();
    expect(await take()).not.toBeNull();
  });

  it('goes over when its holder did not touch it for long, and the holder learns of it', async () => {
    const lease = await take();
    const before = new Date(Date.now() - LEASE.staleAfterMs);
    await utimes(folder.file('driver'), before, before);
    expect(await take()).not.toBeNull();
    await new Promise<void>((lost) => lease?.lost.addEventListener('abort', () => lost()));
    const token = await readFile(folder.file('driver'), 'utf8');
    await lease?.release(); // takes nothing away from the new holder
    expect(await readFile(folder.file('driver'), 'utf8')).toBe(token);
  });

  it('goes over at once when its holder’s process is gone', async () => {
    await writeFile(folder.file('driver'), JSON.stringify({ pid: 2 ** 30, token: 'of the dead' }));
    expect(await take()).not.toBeNull();
  });
});
