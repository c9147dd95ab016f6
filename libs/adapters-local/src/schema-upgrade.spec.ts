import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { jobRecordSchema, type JobRecord } from '@bpi/job-contract';
import { isActive, transition } from '@bpi/jobs';
import { openPlatformDatabase, type PlatformDatabase } from './platform-database.ts';
import { SCHEMA_STEPS } from './platform-schema.ts';
import { SqliteClients } from './sqlite-clients.ts';
import { SqliteJobQueue } from './sqlite-job-queue.ts';
import { SqliteJobStore } from './sqlite-job-store.ts';
import { claimOfState, CLIENT_ID, jobIdOfState, KEYS, STATES } from './testing/every-state.ts';

/** Each made by the release that had so many steps, with the records of that release; `main-schema-fixture.ts` makes one. */
const FIXTURES = join(import.meta.dirname, 'testing/schema');
const steps = readdirSync(FIXTURES).map((name) => Number.parseInt(name, 10));
/** Before this many steps nobody could delete a job. */
const STEPS_WITH_DELETION = 3;
const DELETIONS = ['to-be-deleted', 'deleted'];
const NOW_MS = Date.UTC(2026, 10, 21, 10);

it('has a database of every schema that was released before the present one', () => {
  const earlier = SCHEMA_STEPS.slice(1).map((_, index) => index + 1);
  expect(steps).toEqual(expect.arrayContaining(earlier)); // main-schema-fixture.ts says how to make the missing one
});

describe.each(steps.map((count) => [count]))('a database of %i schema steps', (count) => {
  const states = Object.keys(STATES).filter((state) => count >= STEPS_WITH_DELETION || !DELETIONS.includes(state));
  let folder: string;
  let path: string;
  let database: PlatformDatabase;
  let store: SqliteJobStore;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bpi-upgrade-'));
    path = join(folder, 'platform.db');
    const old = new DatabaseSync(path);
    old.exec(readFileSync(join(FIXTURES, `${count}.sql`), 'utf8'));
    old.close();
    open();
  });
  afterEach(async () => {
    database.close();
    await rm(folder, { recursive: true });
  });

  function open(onUnreadable?: (jobId: string) => void): void {
    database = openPlatformDatabase(path);
    const told = onUnreadable === undefined ? {} : { onUnreadable };
    store = new SqliteJobStore(database, { pools: { cpu: states.length }, dataRoot: folder, ...told });
  }

  /** Takes the database back to the file as it was, with a change, and opens it again. */
  function reopened(sql: string, onUnreadable: (jobId: string) => void): void {
    database.close();
    const old = new DatabaseSync(`${path}.other`);
    old.exec(readFileSync(join(FIXTURES, `${count}.sql`), 'utf8'));
    old.exec(sql);
    old.close();
    path = `${path}.other`;
    open(onUnreadable);
  }

  async function jobIn(state: string): Promise<JobRecord> {
    const stored = await store.get(jobIdOfState(state));
    if (stored === null) throw new Error(`the job ${state} is gone`);
    return stored.job;
  }

  it('has the tables that a new one has', () => {
    const fresh = openPlatformDatabase(join(folder, 'fresh.db'));
    const shapeOf = (db: PlatformDatabase) => [
      db.sql('PRAGMA user_version').all(),
      db.sql("SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all(),
      db.sql('SELECT m.name, c.* FROM sqlite_schema m, pragma_table_info(m.name) c ORDER BY m.name, c.name').all(),
      db.sql('SELECT m.name, i.seqno, i.name FROM sqlite_schema m, pragma_index_info(m.name) i ORDER BY 1, 2').all(),
    ];
    expect(shapeOf(database)).toEqual(shapeOf(fresh));
    fresh.close();
  });

  it('has every job as it was, in the form of this release', async () => {
    for (const state of states) {
      const job = await jobIn(state);
      const events = STATES[state] ?? [];
      expect(jobRecordSchema.parse(job)).toEqual(job);
      expect([state, job.version]).toEqual([state, 1 + events.length]);
      expect([state, job.externalJobId]).toEqual([state, DELETIONS.includes(state) ? null : state]);
      expect([state, job.attempt?.pool ?? 'cpu', ...job.endedAttempts.map(({ pool }) => pool)]).not.toContain(
        undefined,
      );
    }
    expect(await jobIn('second-attempt')).toMatchObject({ phase: 'launching', attempt: { epoch: 2 } });
    expect(await jobIn('completed')).toMatchObject({ phase: 'completed', result: { epoch: 1 }, leftovers: [] });
    expect(await jobIn('cancelled')).toMatchObject({ phase: 'failed', error: { code: 'cancelled' } });
  });

  it('lists what is active, and to its client what it did not delete', async () => {
    const jobs = await Promise.all(states.map(jobIn));
    const active = await store.listActive({ limit: 100 });
    expect(active.map(({ jobId }) => jobId)).toEqual(jobs.filter(isActive).map(({ jobId }) => jobId));
    const { jobs: listed } = await store.list({ clientId: CLIENT_ID, limit: 100 });
    const shown = states.filter((state) => !DELETIONS.includes(state));
    expect(listed.map(({ job }) => job.externalJobId)).toEqual(shown.toReversed());
    const found = await store.list({ clientId: CLIENT_ID, externalJobId: 'completed', limit: 2 });
    expect(found.jobs.map(({ job }) => job.jobId)).toEqual([jobIdOfState('completed')]);
  });

  it('finds what is over to be given its times, and nothing that is not', async () => {
    const over = ['completed', 'completed-by-retry', 'cancelled'];
    const found = await store.listExpiring({ dueByMs: NOW_MS, limit: 100 });
    expect(found.map(({ externalJobId }) => externalJobId).sort()).toEqual(over.sort());
    expect(found.map(({ retention }) => retention)).toEqual(over.map(() => null));
  });

  it('takes every job that is not over to its end, and frees its slot', async () => {
    for (const state of states) {
      const job = await jobIn(state);
      if (job.phase === 'completed' || job.phase === 'failed') continue;
      const ended = transition(job, { type: 'failed', code: 'platform_error', atMs: NOW_MS });
      expect([state, await store.save(ended)]).toEqual([state, 'saved']);
    }
    expect(await store.room('cpu')).toEqual({ slots: states.length, free: states.length });
    expect(await store.census(100)).toMatchObject({ queued: 0, launching: 0, running: 0 });
  });

  it('answers a repeated submission with the job that it made', async () => {
    for (const state of states) {
      const again = {
        ...(await jobIn(state)),
        deletion: null,
        version: 1,
        phase: 'queued' as const,
        createdAtMs: NOW_MS,
      };
      const answer = await store.create(again, claimOfState(state));
      expect(answer).toMatchObject({ kind: 'exists', job: { jobId: jobIdOfState(state) } });
    }
  });

  it('has the keys, the audit trail and what waits in the queue', async () => {
    const clients = new SqliteClients(database);
    expect(await clients.listKeys()).toEqual(KEYS);
    const trail = await clients.auditTrail(100);
    expect(trail.map(({ jobId }) => jobId)).toEqual(states.map(jobIdOfState));
    expect(() => database.sql('DELETE FROM audit_events').run()).toThrow('append-only');
    const clock = { nowMs: () => NOW_MS, monotonicMs: () => 0 };
    const queue = new SqliteJobQueue(database, clock);
    const received = await queue.receive({ max: 10, waitMs: 0, signal: new AbortController().signal });
    expect(received.map(({ jobId }) => jobId)).toEqual([jobIdOfState('queued'), jobIdOfState('retry-waits')]);
  });

  it('is opened although a record is torn, which is left as it is and named', async () => {
    const torn = [jobIdOfState('queued'), jobIdOfState('completed')];
    const unreadable: string[] = [];
    reopened(`UPDATE jobs SET record = 'torn {' WHERE job_id IN ('${torn.join("', '")}')`, (id) => unreadable.push(id));
    expect(await jobIn('running')).toMatchObject({ phase: 'running' });
    const active = await store.listActive({ limit: 100 });
    expect(active.map(({ jobId }) => jobId)).not.toContain(torn[0]);
    expect(unreadable).toEqual([torn[0]]);
    await expect(jobIn('completed')).rejects.toThrow();
    const kept = database.sql('SELECT record FROM jobs WHERE NOT json_valid(record)').all();
    expect(kept).toEqual([{ record: 'torn {' }, { record: 'torn {' }]);
  });
});
