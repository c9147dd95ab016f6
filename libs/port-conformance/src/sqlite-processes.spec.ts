import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SqliteJobQueue, SqliteJobStore } from '@bpi/adapters-local';
import { isJobId, statusOf, type JobRecord } from '@bpi/job-contract';
import { systemClock, transition } from '@bpi/jobs';
import { aClaim, aJob, changeAfter, EVENTS, jobIdOf } from './builders.ts';
import { makeLocalDatabase, type LocalDatabase } from './local-database.ts';

const CHILD = fileURLToPath(new URL('./main-store-child.ts', import.meta.url));
const SLOTS = 2;
const JOBS = 12;
/** The parent looks this often while the children race. */
const SAMPLE_MS = 1;
/** Much longer than a write takes: whoever holds the lock so long waits at the fifo. */
const LOCKED_MS = 200;
const LOCK_WAIT_MAX_MS = 20_000;
/** What the children's choices follow from. */
const SEEDS = [11, 22] as const;
/** Acknowledged writes after which a child is killed: different points of a job's life. */
const KILL_AFTER_LINES = [1, 2, 3, 5, 9, 17, 40, 101];

describe('SQLite adapters used by several processes', () => {
  let local: LocalDatabase;
  beforeEach(async () => {
    local = await makeLocalDatabase();
  });
  afterEach(async () => {
    for (const child of started.splice(0)) {
      child.kill(); // also after a failed expectation: nobody may write on into a folder that is removed
      await child.ended;
    }
    await local.close();
  });

  it('never give out more slots than there are, whoever claims and frees', async () => {
    const store = storeOf(local);
    for (let n = 1; n <= JOBS; n += 1) await store.create(aJob({ jobId: jobIdOf(n) }), null);
    const eye = new DatabaseSync(local.path, { readOnly: true });
    const children = SEEDS.map((seed) => run(local, 'claim', seed));
    process.stdout.write(`seeds: ${SEEDS.join(', ')}\n`);
    const ended = Promise.all(children.map(({ ended: one }) => one));
    let over = false;
    void ended.finally(() => (over = true)).catch(() => {});
    let samples = 0;
    while (!over) {
      const { held, flying } = countsOf(eye);
      expect(held).toBe(flying);
      expect(held).toBeLessThanOrEqual(SLOTS);
      samples += 1;
      await pause(SAMPLE_MS);
    }
    eye.close();
    expect(await ended).toEqual([0, 0]);
    const lines = children.flatMap((child) => child.lines);
    const count = (line: string) => lines.filter((said) => said === line).length;
    expect(samples).toBeGreaterThan(10);
    expect(count('claimed saved') - count('retried saved')).toBe(SLOTS - (await store.room('cpu')).free);
    expect(count('claimed full')).toBeGreaterThan(0); // else the limit was never tried
  });

  it('deliver each message to one process', async () => {
    const queue = new SqliteJobQueue(local.connect(), systemClock);
    const sent = Array.from({ length: 100 }, (_, n) => jobIdOf(n + 1));
    for (const jobId of sent) await queue.send({ jobId }, 0);
    const children = [run(local, 'receive', 1), run(local, 'receive', 2)];
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0]);
    const received = children.flatMap(({ lines }) => lines.map((line) => line.replace('received ', '')));
    expect(received.sort()).toEqual(sent);
    expect(await queue.depth()).toBe(0);
  });

  it('let several processes make the database at the same time', async () => {
    const children = Array.from({ length: 4 }, (_, n) => run(local, 'receive', n));
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0, 0, 0]);
  });

  it('keep everything acknowledged, and nothing half, when a writer is killed at any time', async () => {
    for (const [n, lines] of KILL_AFTER_LINES.entries()) {
      const firstId = 1 + n * 1_000;
      const child = run(local, 'write', firstId);
      await child.said(lines);
      child.kill();
      await child.ended;
      await expectConsistent(local, child.lines);
    }
  });

  it('store neither job nor claim when the writer is killed right before its create commits', async () => {
    const store = storeOf(local);
    const obstacle = await obstruct(local, 1);
    await killWithin(local, run(local, 'write', 1));
    await rm(obstacle);
    expect(await store.get(jobIdOf(1))).toBeNull();
    // The child's claim is that of its first job; with another payload it would be refused if it had been stored.
    const claim = aClaim({ keyDigest: '1'.padStart(64, '0'), fingerprint: 'e'.repeat(64) });
    expect(await store.create(aJob({ jobId: jobIdOf(2) }), claim)).toEqual({ kind: 'created' });
  });

  it('keep phase and slot together when the writer is killed right before its save commits', async () => {
    const store = storeOf(local);
    const job = aJob({ jobId: jobIdOf(1) });
    await store.create(job, null);
    const running = changeAfter(job, [EVENTS.claimed, EVENTS.started]);
    expect(await store.save(transition(job, EVENTS.claimed))).toBe('saved');
    expect(await store.save(running)).toBe('saved');
    const obstacle = await obstruct(local, 1);
    await killWithin(local, run(local, 'end', 1));
    await rm(obstacle);
    expect((await store.get(job.jobId))?.job).toEqual(running.after);
    expect(await store.room('cpu')).toEqual({ slots: SLOTS, free: SLOTS - 1 });
    expect(await wordOf(local, running.after)).toBe('running');
    expect(await store.save(transition(running.after, EVENTS.failed))).toBe('saved');
    expect(await store.room('cpu')).toEqual({ slots: SLOTS, free: SLOTS });
  });
});

/**
 * Puts a fifo where the store writes the job's next word, its last step before the commit: whoever opens it waits
 * for a reader that never comes, and so stays inside its transaction.
 */
async function obstruct(local: LocalDatabase, n: number): Promise<string> {
  const folder = join(local.folder, 'jobs', jobIdOf(n));
  await mkdir(folder, { recursive: true });
  const fifo = join(folder, '.status.txt.tmp');
  execFileSync('mkfifo', [fifo]);
  return fifo;
}

/** Kills the child once it has kept the write lock for LOCKED_MS. */
async function killWithin(local: LocalDatabase, child: Child): Promise<void> {
  const eye = new DatabaseSync(local.path, { timeout: 0 });
  const giveUpAtMs = performance.now() + LOCK_WAIT_MAX_MS;
  let lockedSinceMs: number | null = null;
  while (lockedSinceMs === null || performance.now() - lockedSinceMs < LOCKED_MS) {
    if (performance.now() > giveUpAtMs) throw new Error('the child never stayed inside a transaction');
    lockedSinceMs = isLocked(eye) ? (lockedSinceMs ?? performance.now()) : null;
    await pause(SAMPLE_MS);
  }
  eye.close();
  child.kill();
  expect(await child.ended).toBeNull();
  expect(child.lines).toEqual([]);
}

function isLocked(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN IMMEDIATE; ROLLBACK');
    return false;
  } catch (error) {
    if (error instanceof Error && error.message === 'database is locked') return true;
    throw error;
  }
}

type Child = {
  lines: string[];
  /** Waits for this many lines. */
  said(count: number): Promise<void>;
  kill(): void;
  /** The exit code, null if killed. */
  ended: Promise<number | null>;
};

/** Every child of the test that runs. */
const started: Child[] = [];

function run(local: LocalDatabase, mode: 'claim' | 'receive' | 'write' | 'end', seed: number): Child {
  const child = spawn(process.execPath, [CHILD, mode, local.path, local.folder, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const drained = once(reader, 'close');
  const exited = once(child, 'exit');
  const ended = (async () => {
    const [code] = await exited;
    await drained;
    return typeof code === 'number' ? code : null;
  })();
  const running: Child = {
    lines,
    said: async (count) => {
      const endedEarly = drained.then(() => Promise.reject(new Error('the child ended before it was killed')));
      while (lines.length < count) await Promise.race([once(reader, 'line'), endedEarly]);
      endedEarly.catch(() => {}); // from here on it is meant to end
    },
    kill: () => child.kill('SIGKILL'),
    ended,
  };
  started.push(running);
  return running;
}

function storeOf(local: LocalDatabase): SqliteJobStore {
  return new SqliteJobStore(local.connect(), { pools: { cpu: SLOTS }, dataRoot: local.folder });
}

/** Both in one statement, so of one moment. */
function countsOf(database: DatabaseSync): { held: number; flying: number } {
  const row = database
    .prepare(
      `SELECT (SELECT count(*) FROM pool_holders) AS held,
        (SELECT count(*) FROM jobs WHERE phase IN ('launching', 'running')) AS flying`,
    )
    .get();
  return { held: Number(row?.['held']), flying: Number(row?.['flying']) };
}

async function expectConsistent(local: LocalDatabase, lines: readonly string[]): Promise<void> {
  const eye = new DatabaseSync(local.path, { readOnly: true });
  expect(eye.prepare('PRAGMA integrity_check').all()).toMatchObject([{ integrity_check: 'ok' }]);
  expect(eye.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
  const { held, flying } = countsOf(eye);
  eye.close();
  expect(held).toBe(flying);

  const store = storeOf(local);
  const versions = new Map<string, number>();
  for (const line of lines) {
    const [verb, jobId = '', version = '1'] = line.split(' ');
    expect(['created', 'saved']).toContain(verb);
    versions.set(jobId, Number(version));
  }
  for (const [jobId, version] of versions) {
    const stored = isJobId(jobId) ? await store.get(jobId) : null;
    expect(stored?.job.version).toBeGreaterThanOrEqual(version);
  }
  await expectStatusFilesMend(local, store);
}

/** At most the job that was being written shows another word; ending it shows the right one. */
async function expectStatusFilesMend(local: LocalDatabase, store: SqliteJobStore): Promise<void> {
  const jobs = await store.listActive({ limit: 10_000 });
  const wrong: JobRecord[] = [];
  for (const job of jobs) if ((await wordOf(local, job)) !== statusOf(job)) wrong.push(job);
  expect(wrong.length).toBeLessThanOrEqual(1);
  for (const job of jobs.filter(({ phase }) => phase !== 'failed')) {
    const change = transition(job, EVENTS.failed);
    expect(await store.save(change)).toBe('saved');
    expect(await wordOf(local, change.after)).toBe('failed');
  }
}

async function wordOf(local: LocalDatabase, job: JobRecord): Promise<string> {
  return (await readFile(join(local.folder, 'jobs', job.jobId, 'status.txt'), 'utf8')).trimEnd();
}
