import { afterEach, describe, expect, it } from '@jest/globals';
import { DynamoJobStore, S3ObjectStore } from '@bpi/adapters-aws';
import { FsObjectStore, SqliteJobStore } from '@bpi/adapters-local';
import { ManualClock, MemoryJobQueue, MemoryJobStore, MemoryObjectStore, MemoryTaskRunner } from '@bpi/adapters-memory';
import {
  attemptArtifactKey,
  inputKey,
  jobFileKey,
  jobPrefix,
  logsKey,
  reportKey,
  type AuditEvent,
  type JobRecord,
  type Manifest,
  type Retention,
} from '@bpi/job-contract';
import {
  advance,
  deleteJob,
  expire,
  isActive,
  LOCAL_POLICY,
  sweep,
  type ExpireContext,
  type JobStore,
  type ObjectStore,
} from '@bpi/jobs';
import { makeEmulatedBucket, makeEmulatedTable } from './aws-emulator.ts';
import { aJob, START_MS } from './builders.ts';
import { makeLocalDatabase } from './local-database.ts';

type Backend = { store: JobStore; objects: ObjectStore; close(): Promise<void> };

const POOLS = { cpu: 1 };
const DAY_MS = 24 * 60 * 60 * 1_000;
const KEPT: Retention = { inputMs: 7 * DAY_MS, resultMs: 30 * DAY_MS, logsMs: 14 * DAY_MS, recordMs: 365 * DAY_MS };
/** A deployment that keeps nothing any more: what was promised holds all the same. */
const HASTY: Retention = { inputMs: 0, resultMs: 0, logsMs: 0, recordMs: 0 };

const BACKENDS: Record<string, () => Promise<Backend>> = {
  memory: async () => {
    const store = new MemoryJobStore({ pools: POOLS });
    return { store, objects: new MemoryObjectStore(), close: async () => {} };
  },
  local: async () => {
    const { folder, connect, close } = await makeLocalDatabase();
    const store = new SqliteJobStore(connect(), { pools: POOLS, dataRoot: folder });
    return { store, objects: new FsObjectStore(folder), close };
  },
  aws: async () => {
    const endpoint = process.env['BPI_TEST_AWS_ENDPOINT'];
    const [table, bucket] = [await makeEmulatedTable(endpoint), await makeEmulatedBucket(endpoint)];
    const scratch = await makeLocalDatabase();
    return {
      store: new DynamoJobStore(table.connect(), { tableName: table.tableName, pools: POOLS }),
      objects: new S3ObjectStore({ client: bucket.connect(), bucket: bucket.bucket, scratchDir: scratch.folder }),
      close: async () => {
        await table.close();
        await bucket.close();
        await scratch.close();
      },
    };
  },
};

const { signal } = new AbortController();
const job = aJob({ externalJobId: 'scan 7', retention: KEPT });
const names = {
  input: [inputKey(job.jobId), jobFileKey(job.jobId)],
  logs: [logsKey(job.jobId, 1), reportKey(job.jobId, 1)],
  result: [attemptArtifactKey(job.jobId, 1, 'preview.png'), `${jobPrefix(job.jobId)}output/preview.png`],
};

let backend: Backend;
afterEach(async () => backend.close());

/** A published job that is shown and whose task was removed. */
async function aCompletedJob(make: () => Promise<Backend>, of: JobRecord = job) {
  backend = await make();
  const clock = new ManualClock(START_MS);
  const runner = new MemoryTaskRunner();
  const { store, objects } = backend;
  const trail: AuditEvent[] = [];
  const context: ExpireContext = {
    store,
    objects,
    runner,
    queue: new MemoryJobQueue(clock),
    clock,
    policy: LOCAL_POLICY,
    log: () => {},
    clients: { audit: async (event) => void trail.push(event) },
    retention: HASTY,
  };
  for (const key of names.input) await objects.put(key, Buffer.from('voxels'), { ifAbsent: true });
  await store.create(of, null);
  await advance(context, of.jobId);
  const [key = ''] = names.result;
  const put = await objects.put(key, Buffer.from('mask'), { ifAbsent: true });
  if (put.kind !== 'stored') throw new Error('the result is stored twice');
  const manifest: Manifest = [
    { name: 'preview.png', key, bytes: put.bytes, sha256: put.sha256, media_type: 'image/png' },
  ];
  const report = { schema_version: 1, job_id: of.jobId, epoch: 1, result: 'stored', manifest };
  await objects.put(logsKey(of.jobId, 1), Buffer.from('a prompt'), { ifAbsent: true });
  await objects.put(reportKey(of.jobId, 1), Buffer.from(JSON.stringify(report)), { ifAbsent: true });
  runner.set(of.jobId, 1, { state: 'stopped', cause: 'exited', exitCode: 0 });
  await advance(context, of.jobId);
  const endedAtMs = clock.nowMs();
  const removeTask = async () => {
    clock.advance(LOCAL_POLICY.taskKeptMs);
    await sweep(context, { after: null, signal });
  };
  const until = (ageMs: number) => clock.advance(endedAtMs + ageMs - clock.nowMs());
  return { clock, context, trail, endedAtMs, removeTask, until, pass: () => expire(context, { after: null, signal }) };
}

async function keys(): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of backend.objects.list(jobPrefix(job.jobId))) found.push(key);
  return found.filter((key) => !key.endsWith('status.txt'));
}

async function stored(): Promise<JobRecord> {
  const found = await backend.store.get(job.jobId);
  if (found === null) throw new Error('a record is never removed');
  return found.job;
}

describe.each(Object.entries(BACKENDS))('what is past its time, with the domain on %s,', (_, make) => {
  it('goes class by class at its promised time, and leaves a tombstone', async () => {
    const { trail, removeTask, until, pass, endedAtMs } = await aCompletedJob(make);
    await removeTask();
    until(KEPT.inputMs - 1);
    expect(await pass()).toMatchObject({ jobs: 0, records: 0, next: null });
    const { input, logs, result } = names;
    expect(await keys()).toEqual([...input, ...logs, ...result].sort());
    const steps = [
      [KEPT.inputMs, [...logs, ...result], ['input']],
      [KEPT.logsMs, result, ['input', 'logs']],
      [KEPT.resultMs, [], ['input', 'logs', 'result']],
    ] as const;
    for (const [ageMs, left, expired] of steps) {
      until(ageMs);
      expect(await pass()).toMatchObject({ jobs: 1, records: 0, failed: 0 });
      expect([await keys(), (await stored()).expired]).toEqual([[...left].sort(), expired]);
      expect(await pass()).toMatchObject({ jobs: 0 });
    }
    until(KEPT.recordMs);
    expect(await pass()).toMatchObject({ jobs: 0, records: 1, failed: 0 });
    const tombstone = await stored();
    const atMs = endedAtMs + KEPT.recordMs;
    expect(tombstone).toMatchObject({ externalJobId: null, deletion: { requestedAtMs: atMs, doneAtMs: atMs } });
    expect(isActive(tombstone)).toBe(false);
    expect(await backend.store.create(aJob(), null)).toEqual({ kind: 'exists', job: tombstone });
    expect(await pass()).toMatchObject({ jobs: 0, records: 0 });
    const nobody = { clientId: null, keyId: null, requestId: null, jobId: job.jobId, outcome: 'done' };
    expect(trail).toEqual([
      { ...nobody, atMs: endedAtMs + KEPT.inputMs, action: 'expire.input' },
      { ...nobody, atMs: endedAtMs + KEPT.logsMs, action: 'expire.logs' },
      { ...nobody, atMs: endedAtMs + KEPT.resultMs, action: 'expire.result' },
      { ...nobody, atMs, action: 'expire.record' },
    ]);
  });

  it('goes all at once when nobody came for long, files that appeared late included', async () => {
    const { removeTask, until, pass, context } = await aCompletedJob(make);
    await removeTask();
    await context.objects.put(attemptArtifactKey(job.jobId, 2, 'preview.png'), Buffer.from('zombie'), {
      ifAbsent: true,
    });
    until(2 * KEPT.recordMs);
    expect(await pass()).toMatchObject({ records: 1 });
    expect([await keys(), (await stored()).deletion?.doneAtMs]).toEqual([[], context.clock.nowMs()]);
  });

  it('waits for the last task to be removed', async () => {
    const { removeTask, until, pass } = await aCompletedJob(make);
    until(2 * KEPT.recordMs);
    expect(await pass()).toMatchObject({ jobs: 0, records: 0 });
    expect(await keys()).toHaveLength(6);
    await removeTask();
    expect(await pass()).toMatchObject({ records: 1 });
  });

  it('is the deployment’s to say for a job that was promised nothing, once and for good', async () => {
    const { retention: _none, ...unpromised } = aJob();
    const { removeTask, until, pass, context } = await aCompletedJob(make, { ...unpromised, retention: null });
    await removeTask();
    const first = { ...context, retention: KEPT };
    expect(await expire(first, { after: null, signal })).toMatchObject({ jobs: 0, records: 0 });
    expect((await stored()).retention).toEqual(KEPT);
    until(KEPT.inputMs - 1);
    expect(await pass()).toMatchObject({ jobs: 0 }); // although the deployment keeps nothing by now
    until(KEPT.inputMs);
    expect(await pass()).toMatchObject({ jobs: 1 });
  });

  it('is not taken from a client that deletes the job itself', async () => {
    const { clock, removeTask, until, pass, context, trail } = await aCompletedJob(make);
    await removeTask();
    until(KEPT.recordMs);
    await deleteJob(context, { jobId: job.jobId, clientId: job.clientId, nowMs: clock.nowMs() });
    expect(await pass()).toMatchObject({ jobs: 0, records: 0 });
    expect(trail).toEqual([]);
  });
});
