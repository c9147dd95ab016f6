import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FsObjectStore, openPlatformDatabase, SqliteJobQueue, SqliteJobStore } from '@bpi/adapters-local';
import { jobIdSchema, type JobId, type JobRecord, type Log } from '@bpi/job-contract';
import { AWS_POLICY, newJob, type AdvanceContext, type Clock, type NewJob } from '@bpi/jobs';
import { Liveness } from '../liveness.ts';
import type { LoopTools } from '../loop.ts';
import { systemTimers } from '../timers.ts';
import { ScriptedRunner } from './scripted-runner.ts';

const hour = 60 * 60 * 1_000;
const WITHIN_MS = 10_000;

/** Stands still until told. Milliseconds. */
export class HandClock implements Clock {
  #nowMs = Date.UTC(2030, 0, 1);

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}

export type Bench = {
  tools: LoopTools;
  context: AdvanceContext;
  runner: ScriptedRunner;
  clock: HandClock;
  /** What was logged, in order. */
  logged: { event: string; fields: Readonly<Record<string, unknown>> }[];
  /** How often the event was logged. */
  count: (event: string) => number;
  /** A queued job in the store, without a wake-up. */
  queued: (n: number, given?: Partial<NewJob>) => Promise<JobRecord>;
  /** A loop that runs until `close`. */
  run: (loop: Promise<void>) => void;
  close: () => Promise<void>;
};

/** The parts of a worker on SQLite and a folder of its own; time and tasks move when told. */
export async function makeBench(pools: Readonly<Record<string, number>>): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'worker-spec-'));
  const database = openPlatformDatabase(join(folder, 'platform.db'));
  const clock = new HandClock();
  const runner = new ScriptedRunner();
  const logged: Bench['logged'] = [];
  const log: Log = (event, fields = {}) => logged.push({ event, fields });
  const context: AdvanceContext = {
    store: new SqliteJobStore(database, { pools, dataRoot: folder }),
    queue: new SqliteJobQueue(database, clock, { pollMs: 1 }),
    runner,
    objects: new FsObjectStore(folder),
    clock,
    policy: { ...AWS_POLICY, steadyPools: {} },
    log,
  };
  const stop = new AbortController();
  const loops: Promise<void>[] = [];
  return {
    tools: { context, liveness: new Liveness(clock, log), signal: stop.signal, timers: systemTimers },
    context,
    runner,
    clock,
    logged,
    count: (event) => logged.filter((line) => line.event === event).length,
    queued: async (n, given = {}) => {
      const job = aJob(n, clock.nowMs(), given);
      await context.store.create(job, null);
      return job;
    },
    run: (loop) => loops.push(loop),
    close: async () => {
      stop.abort();
      await Promise.all(loops);
      database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function jobIdOf(n: number): JobId {
  return jobIdSchema.parse(`00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`);
}

function aJob(n: number, nowMs: number, given: Partial<NewJob>): JobRecord {
  return newJob({
    jobId: jobIdOf(n),
    clientId: 'clinic',
    externalJobId: null,
    model: { name: 'echo', version: '1.0.0' },
    pool: 'spot',
    inputSha256: 'a'.repeat(64),
    warnings: [],
    nowMs,
    startDeadlineMs: 24 * hour,
    totalDeadlineMs: 48 * hour,
    attemptTimeoutMs: hour,
    canShrink: false,
    ...given,
  });
}

/** Waits until the condition holds; throws if it does not within seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + WITHIN_MS;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error('what the test waits for did not happen');
    await pause(2);
  }
}

/** The store's methods one by one, so that one can be replaced. */
export function bound(store: AdvanceContext['store']): AdvanceContext['store'] {
  return {
    create: (job, claim) => store.create(job, claim),
    get: (jobId) => store.get(jobId),
    save: (change) => store.save(change),
    recordProgress: (jobId, epoch, progress) => store.recordProgress(jobId, epoch, progress),
    listActive: (page) => store.listActive(page),
    marks: (jobIds) => store.marks(jobIds),
    listExpiring: (page) => store.listExpiring(page),
    list: (ask) => store.list(ask),
    room: (pool) => store.room(pool),
    countQueued: (clientId, atMost) => store.countQueued(clientId, atMost),
    hasClaim: (keyDigest, nowMs) => store.hasClaim(keyDigest, nowMs),
    census: (atMost) => store.census(atMost),
  };
}
