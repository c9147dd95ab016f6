/**
 * Measures the SQLite adapters on this machine: `node libs/port-conformance/src/main-measure-store.ts [FOLDER] [JOBS]`.
 * FOLDER (a new folder in it is used and removed) decides the disk; every figure includes the syncs to that disk.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPlatformDatabase, SqliteJobQueue, SqliteJobStore } from '@bpi/adapters-local';
import type { JobRecord } from '@bpi/job-contract';
import { type JobEvent, systemClock, transition } from '@bpi/jobs';
import { aClaim, aJob, EVENTS, jobIdOf } from './builders.ts';

/** As a busy machine has them; each job gives its slot back before the next takes one. */
const SLOTS = 4;
const jobCount = Number(process.argv[3] ?? 1_000);
const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'bpi-measure-'));
const database = openPlatformDatabase(join(folder, 'platform.db'));
const store = new SqliteJobStore(database, { pools: { cpu: SLOTS }, dataRoot: folder });
const queue = new SqliteJobQueue(database, systemClock);

async function measure(what: string, times: number, work: (n: number) => Promise<void>): Promise<void> {
  const startMs = performance.now();
  for (let n = 1; n <= times; n += 1) await work(n);
  const tookMs = performance.now() - startMs;
  process.stdout.write(`${what}: ${Math.round((times * 1_000) / tookMs)}/s (${times} in ${Math.round(tookMs)} ms)\n`);
}

const jobs = new Map<number, JobRecord>();

async function step(n: number, event: JobEvent): Promise<void> {
  const job = jobs.get(n);
  if (job === undefined) throw new Error('jobs are created first');
  const change = transition(job, event);
  if ((await store.save(change)) !== 'saved') throw new Error('a save without rivals must win');
  jobs.set(n, change.after);
}

await measure('create (with idempotency claim and status.txt)', jobCount, async (n) => {
  const job = aJob({ jobId: jobIdOf(n) });
  await store.create(job, aClaim({ keyDigest: n.toString(16).padStart(64, '0') }));
  jobs.set(n, job);
});
await measure('claim, start, progress, fail (3 saves, 2 of them with status.txt)', jobCount, async (n) => {
  await step(n, EVENTS.claimed);
  await step(n, EVENTS.started);
  await store.recordProgress(jobIdOf(n), 1, { fraction: 0.5, step: 'predict', atMs: n });
  await step(n, EVENTS.failed);
});
await measure('save, same word in status.txt', jobCount, (n) => step(n, { type: 'projected', atVersion: 4 }));
await measure('get', jobCount, async (n) => {
  await store.get(jobIdOf(n));
});
await measure('listActive, pages of 200', 20, async () => {
  await store.listActive({ limit: 200 });
});
await measure('send + receive + ack', jobCount, async (n) => {
  await queue.send(aJob({ jobId: jobIdOf(n) }), 0);
  const [delivery] = await queue.receive({ max: 1, waitMs: 0, signal: new AbortController().signal });
  await delivery?.ack();
});

database.close();
rmSync(folder, { recursive: true });
