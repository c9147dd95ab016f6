import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { DynamoJobStore, S3ObjectStore } from '@bpi/adapters-aws';
import { FsObjectStore, SqliteJobStore } from '@bpi/adapters-local';
import { ManualClock, MemoryJobQueue, MemoryJobStore, MemoryObjectStore, MemoryTaskRunner } from '@bpi/adapters-memory';
import {
  attemptArtifactKey,
  inputKey,
  jobPrefix,
  logsKey,
  reportKey,
  type JobRecord,
  type Manifest,
} from '@bpi/job-contract';
import {
  advance,
  deleteJob,
  isActive,
  LOCAL_POLICY,
  removeForgottenInputs,
  sweep,
  type AdvanceContext,
  type JobStore,
  type ObjectStore,
} from '@bpi/jobs';
import { makeEmulatedBucket, makeEmulatedTable } from './aws-emulator.ts';
import { aJob, START_MS } from './builders.ts';
import { makeLocalDatabase } from './local-database.ts';

type Backend = {
  store: JobStore;
  objects: ObjectStore;
  /** Whether a folder of the job is there, where there are folders. */
  hasFolder(job: JobRecord): Promise<boolean>;
  close(): Promise<void>;
};

const POOLS = { cpu: 1 };
const CLEAN_MS = 2 * 60 * 60 * 1_000;

const BACKENDS: Record<string, () => Promise<Backend>> = {
  memory: async () => {
    const [store, objects] = [new MemoryJobStore({ pools: POOLS }), new MemoryObjectStore()];
    return { store, objects, hasFolder: async () => false, close: async () => {} };
  },
  local: async () => {
    const { folder, connect, close } = await makeLocalDatabase();
    const store = new SqliteJobStore(connect(), { pools: POOLS, dataRoot: folder });
    const hasFolder = async (job: JobRecord) =>
      access(join(folder, jobPrefix(job.jobId))).then(
        () => true,
        () => false,
      );
    return { store, objects: new FsObjectStore(folder), hasFolder, close };
  },
  aws: async () => {
    const endpoint = process.env['BPI_TEST_AWS_ENDPOINT'];
    const [table, bucket] = [await makeEmulatedTable(endpoint), await makeEmulatedBucket(endpoint)];
    const scratch = await makeLocalDatabase();
    return {
      store: new DynamoJobStore(table.connect(), { tableName: table.tableName, pools: POOLS }),
      objects: new S3ObjectStore({ client: bucket.connect(), bucket: bucket.bucket, scratchDir: scratch.folder }),
      hasFolder: async () => false,
      close: async () => {
        await table.close();
        await bucket.close();
        await scratch.close();
      },
    };
  },
};

let backend: Backend;
afterEach(async () => backend.close());

describe.each(Object.entries(BACKENDS))('a deletion, with the domain on %s,', (_, make) => {
  const { signal } = new AbortController();
  const job = aJob({ externalJobId: 'scan 7' });

  async function start() {
    backend = await make();
    const clock = new ManualClock(START_MS);
    const runner = new MemoryTaskRunner();
    const { store, objects } = backend;
    const context: AdvanceContext = {
      store,
      objects,
      runner,
      queue: new MemoryJobQueue(clock),
      clock,
      policy: LOCAL_POLICY,
      log: () => {},
    };
    await objects.put(inputKey(job.jobId), Buffer.from('voxels'), { ifAbsent: true });
    await store.create(job, null);
    await advance(context, job.jobId);
    runner.set(job.jobId, 1, { state: 'running' });
    await advance(context, job.jobId);
    const ask = { jobId: job.jobId, clientId: job.clientId, nowMs: clock.nowMs() };
    return { clock, runner, context, remove: () => deleteJob(context, ask) };
  }

  /** What stage-out does, and a zombie may do at any time. */
  async function storeResults(): Promise<void> {
    const key = attemptArtifactKey(job.jobId, 1, 'preview.png');
    const put = await backend.objects.put(key, Buffer.from('mask'), { ifAbsent: true });
    if (put.kind !== 'stored') throw new Error('the result is stored twice');
    const manifest: Manifest = [
      { name: 'preview.png', key, bytes: put.bytes, sha256: put.sha256, media_type: 'image/png' },
    ];
    const report = { schema_version: 1, job_id: job.jobId, epoch: 1, result: 'stored', manifest };
    await backend.objects.put(logsKey(job.jobId, 1), Buffer.from('a prompt'), { ifAbsent: true });
    await backend.objects.put(reportKey(job.jobId, 1), Buffer.from(JSON.stringify(report)), { ifAbsent: true });
  }

  async function keys(): Promise<string[]> {
    const found: string[] = [];
    for await (const { key } of backend.objects.list(jobPrefix(job.jobId))) found.push(key);
    return found;
  }

  async function stored(): Promise<JobRecord> {
    const found = await backend.store.get(job.jobId);
    if (found === null) throw new Error('a tombstone is never removed');
    return found.job;
  }

  async function sweepTwice(context: AdvanceContext): Promise<void> {
    for (let round = 0; round < 2; round += 1) await sweep(context, { after: null, signal });
  }

  it('ends a running job, leaves nothing, and lets nothing come back', async () => {
    const { clock, runner, context, remove } = await start();
    expect((await remove()).kind).toBe('requested');
    await advance(context, job.jobId);
    expect(await keys()).not.toEqual([]); // while the attempt may live
    runner.set(job.jobId, 1, { state: 'stopped', cause: 'stop_requested', exitCode: null });
    await sweep(context, { after: null, signal });
    expect(await keys()).toEqual([]);
    await storeResults(); // by a zombie
    clock.advance(LOCAL_POLICY.taskKeptMs);
    await sweepTwice(context);
    expect(await keys()).toEqual([]);
    expect(await stored()).toMatchObject({ phase: 'failed', externalJobId: null, result: null });
    expect(isActive(await stored())).toBe(false);
    await sweepTwice(context);
    await advance(context, job.jobId);
    expect([await keys(), await backend.hasFolder(job)]).toEqual([[], false]);
    expect(await context.runner.list()).toEqual([]);
  });

  it('takes a published result away at once, from where it was shown, too', async () => {
    const { clock, runner, context, remove } = await start();
    await storeResults();
    runner.set(job.jobId, 1, { state: 'stopped', cause: 'exited', exitCode: 0 });
    await advance(context, job.jobId);
    expect(await keys()).toContain(`${jobPrefix(job.jobId)}output/preview.png`);
    await remove();
    await advance(context, job.jobId);
    expect([await keys(), await backend.hasFolder(job)]).toEqual([[], false]);
    clock.advance(LOCAL_POLICY.taskKeptMs);
    await sweepTwice(context);
    expect((await stored()).deletion?.doneAtMs).toBe(clock.nowMs());
    expect([await keys(), await backend.hasFolder(job)]).toEqual([[], false]);
  });

  it('is completed by the clean-up when a zombie outlived all waiting', async () => {
    const { clock, runner, context, remove } = await start();
    await remove();
    runner.set(job.jobId, 1, { state: 'stopped', cause: 'interrupted', exitCode: null });
    await advance(context, job.jobId);
    await sweepTwice(context);
    clock.advance(LOCAL_POLICY.taskKeptMs);
    await sweepTwice(context);
    expect((await stored()).deletion?.doneAtMs).toBe(clock.nowMs());
    await storeResults();
    // The objects’ ages are those of the real clock.
    const later = { ...context, clock: new ManualClock(Date.now() + CLEAN_MS) };
    for await (const _round of removeForgottenInputs(later));
    expect([await keys(), await backend.hasFolder(job)]).toEqual([[], false]);
  });
});
