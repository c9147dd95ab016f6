/**
 * A second process for `sqlite-processes.spec.ts`: `main-store-child.ts MODE DATABASE FOLDER SEED`.
 * `claim` claims and frees the same jobs as others do, for CLAIM_ROUNDS rounds; `receive` empties the queue;
 * `write` writes until it is killed; `end` ends the running job number SEED.
 * Prints one line for each thing it was told is durable.
 */
import { openPlatformDatabase, SqliteJobQueue, SqliteJobStore } from '@bpi/adapters-local';
import { LIMITS, type JobRecord } from '@bpi/job-contract';
import { type JobEvent, type JobStore, systemClock, transition } from '@bpi/jobs';
import { aClaim, aJob, EVENTS, jobIdOf, START_MS } from './builders.ts';

const CLAIM_ROUNDS = 400;

const [mode, databasePath, folder, seedText] = process.argv.slice(2);
if (databasePath === undefined || folder === undefined) {
  throw new Error('usage: main-store-child.ts MODE DATABASE FOLDER SEED');
}
const seed = Number(seedText);
const database = openPlatformDatabase(databasePath);
const store = new SqliteJobStore(database, { pools: { cpu: 2 }, dataRoot: folder });
const queue = new SqliteJobQueue(database, systemClock);

if (mode === 'claim') await claimAndFree(store, await store.listActive({ limit: 100 }));
else if (mode === 'receive') await receiveAll();
else if (mode === 'end') await endJob();
else await writeForEver();
database.close();

/** Every job is claimed or freed by whoever comes; at the end this process frees nothing. */
async function claimAndFree(jobs: JobStore, all: readonly JobRecord[]): Promise<void> {
  const random = mulberry32(seed);
  for (let round = 0; round < CLAIM_ROUNDS; round += 1) {
    const picked = all[Math.floor(random() * all.length)];
    const stored = picked === undefined ? null : await jobs.get(picked.jobId);
    if (stored === null || stored.job.endedAttempts.length >= LIMITS.attemptsMax - 1) continue;
    const event: JobEvent = stored.job.phase === 'queued' ? EVENTS.claimed : EVENTS.retried;
    say(`${event.type} ${await jobs.save(transition(stored.job, event))}`);
  }
}

/** Receives until the queue is empty; acks all. */
async function receiveAll(): Promise<void> {
  for (;;) {
    const deliveries = await queue.receive({ max: 3, waitMs: 0, signal: new AbortController().signal });
    if (deliveries.length === 0) return;
    for (const delivery of deliveries) {
      say(`received ${delivery.jobId}`);
      await delivery.ack();
    }
  }
}

async function endJob(): Promise<void> {
  const stored = await store.get(jobIdOf(seed));
  if (stored === null) throw new Error('the job to end is stored first');
  say(`ended ${await store.save(transition(stored.job, EVENTS.failed))}`);
}

async function writeForEver(): Promise<void> {
  for (let n = seed; ; n += 1) {
    const digest = n.toString(16).padStart(64, '0');
    const job = aJob({ jobId: jobIdOf(n), nowMs: START_MS + n });
    await store.create(job, aClaim({ keyDigest: digest, expiresAtMs: START_MS + n + 1_000_000 }));
    say(`created ${job.jobId}`);
    await queue.send(job, 0);
    let current = job;
    for (const event of [EVENTS.claimed, EVENTS.started, EVENTS.failed]) {
      const change = transition(current, event);
      if ((await store.save(change)) !== 'saved') throw new Error('a save without rivals must win');
      current = change.after;
      say(`saved ${current.jobId} ${current.version}`);
      if (event !== EVENTS.started) continue;
      await store.recordProgress(current.jobId, 1, { fraction: 0.5, step: 'predict', atMs: n });
    }
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Random numbers in [0, 1) from a seed: https://github.com/cprosche/mulberry32 */
function mulberry32(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
