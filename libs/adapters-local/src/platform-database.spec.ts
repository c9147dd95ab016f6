import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openPlatformDatabase, type PlatformDatabase } from './platform-database.ts';
import { SCHEMA_STEPS } from './platform-schema.ts';

const PUT_KEY = "INSERT INTO api_keys (key_id, client_id, digest, created_at_ms) VALUES (?, 'clinic', 'd', 1)";
const COUNT_KEYS = 'SELECT count(*) AS n FROM api_keys';

describe('platform database', () => {
  let folder: string;
  let path: string;
  let database: PlatformDatabase;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bpi-db-'));
    path = join(folder, 'data', 'platform.db');
    database = openPlatformDatabase(path);
  });
  afterEach(async () => {
    database.close();
    await rm(folder, { recursive: true });
  });

  /** The database as it was before this step of the schema, counted from 1. */
  function openedBefore(step: number): DatabaseSync {
    database.close();
    for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true });
    const raw = new DatabaseSync(path);
    for (const sql of SCHEMA_STEPS.slice(0, step - 1)) raw.exec(sql);
    raw.exec(`PRAGMA user_version = ${step - 1}`);
    return raw;
  }

  const pragma = (name: string) => Object.values(database.sql(`PRAGMA ${name}`).get() ?? {})[0];
  const keyCount = () => database.sql(COUNT_KEYS).get()?.['n'];

  it('keeps a write-ahead log, syncs every commit and enforces foreign keys', () => {
    expect(pragma('journal_mode')).toBe('wal');
    expect(pragma('synchronous')).toBe(2);
    expect(pragma('foreign_keys')).toBe(1);
    expect(pragma('recursive_triggers')).toBe(1);
    expect(() => database.sql("INSERT INTO pool_holders VALUES ('no-such-job', 'cpu')").run()).toThrow('FOREIGN KEY');
  });

  it('is readable for its owner only', async () => {
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect((await stat(file)).mode & 0o077).toBe(0);
    expect((await stat(join(folder, 'data'))).mode & 0o077).toBe(0);
  });

  it('opens again with what was stored', async () => {
    await database.write(() => database.sql(PUT_KEY).run('k1'));
    database.close();
    database.close();
    database = openPlatformDatabase(path);
    expect(keyCount()).toBe(1);
  });

  it('lets writes that come together share a transaction, and undoes only the one that fails', async () => {
    const put = (key: string, after: () => void = () => {}) =>
      database.write(() => {
        database.sql(PUT_KEY).run(key);
        after();
        return key;
      });
    const fail = () => {
      throw new Error('this one fails');
    };
    const committed = () => Number(new DatabaseSync(path, { readOnly: true }).prepare(COUNT_KEYS).get()?.['n']);
    const seen: number[] = [];
    const results = await Promise.allSettled([
      put('k1').finally(() => seen.push(committed())),
      put('k2', fail),
      put('k3').finally(() => seen.push(committed())),
    ]);
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : 'failed'))).toEqual([
      'k1',
      'failed',
      'k3',
    ]);
    // Another connection sees both as soon as either is said to be done.
    expect(seen).toEqual([2, 2]);
    expect(keyCount()).toBe(2);
  });

  it('runs more writes at once than one transaction takes', async () => {
    const keys = Array.from({ length: 200 }, (_, n) => `k${n}`);
    await Promise.all(keys.map((key) => database.write(() => database.sql(PUT_KEY).run(key))));
    expect(keyCount()).toBe(keys.length);
  });

  it('gives attempts of an older schema the pool of their job', () => {
    const raw = openedBefore(2);
    const record = { pool: 'gpu', attempt: { epoch: 2 }, endedAttempts: [{ epoch: 1 }] };
    const put = raw.prepare("INSERT INTO jobs VALUES (?, 'c', 1, 'gpu', 'failed', 2, 5, 0, ?, NULL, NULL, NULL, NULL)");
    put.run('retried', JSON.stringify(record));
    put.run('never-claimed', JSON.stringify({ pool: 'cpu', attempt: null, endedAttempts: [] }));
    raw.close();
    database = openPlatformDatabase(path);
    const read = (jobId: string): unknown =>
      JSON.parse(String(database.sql('SELECT record FROM jobs WHERE job_id = ?').get(jobId)?.['record']));
    expect(read('retried')).toEqual({
      pool: 'gpu',
      attempt: { epoch: 2, pool: 'gpu', definition: null, waitsForCapacity: false },
      endedAttempts: [{ epoch: 1, pool: 'gpu' }],
    });
    expect(read('never-claimed')).toEqual({ pool: 'cpu', attempt: null, endedAttempts: [] });
  });

  it('lists the jobs of an older schema, by the ids that their clients gave them', () => {
    const raw = openedBefore(3);
    const put = raw.prepare("INSERT INTO jobs VALUES (?, 'c', 1, 'cpu', 'queued', 0, 1, 1, ?, NULL, NULL, NULL, NULL)");
    put.run('named', JSON.stringify({ externalJobId: 'scan 7', attempt: null, endedAttempts: [] }));
    put.run('nameless', JSON.stringify({ externalJobId: null, attempt: null, endedAttempts: [] }));
    put.run('unreadable', 'torn {');
    raw.close();
    database = openPlatformDatabase(path);
    expect(database.sql('SELECT job_id, listed, external_job_id FROM jobs ORDER BY job_id').all()).toEqual([
      { job_id: 'named', listed: 1, external_job_id: 'scan 7' },
      { job_id: 'nameless', listed: 1, external_job_id: null },
      { job_id: 'unreadable', listed: 1, external_job_id: null },
    ]);
  });

  it('finds the ended jobs of an older schema, so that they are given their times', () => {
    const raw = openedBefore(5);
    const put = raw.prepare(`
      INSERT INTO jobs (job_id, client_id, created_at_ms, pool, phase, epoch, version, active, record)
      VALUES (?, 'c', 1, 'cpu', ?, 0, 1, ?, ?)`);
    const record = { endedAtMs: 7, deletion: null };
    put.run('ended', 'failed', 0, JSON.stringify(record));
    put.run('of-the-release-before-deletions', 'completed', 0, JSON.stringify({ endedAtMs: 8 }));
    put.run('running', 'running', 1, JSON.stringify({ endedAtMs: null }));
    put.run('to-be-shown', 'completed', 1, JSON.stringify(record));
    put.run('tombstone', 'failed', 0, JSON.stringify({ ...record, deletion: { doneAtMs: 1 } }));
    put.run('unreadable', 'failed', 0, 'torn {');
    raw.exec("INSERT INTO audit_events (at_ms, action) VALUES (1, 'submit')");
    raw.close();
    database = openPlatformDatabase(path);
    expect(
      database.sql('SELECT job_id, due_at_ms FROM jobs WHERE due_at_ms IS NOT NULL ORDER BY job_id').all(),
    ).toEqual([
      { job_id: 'ended', due_at_ms: 7 },
      { job_id: 'of-the-release-before-deletions', due_at_ms: 8 },
    ]);
    expect(database.sql('SELECT action, outcome FROM audit_events').all()).toEqual([
      { action: 'submit', outcome: null },
    ]);
    expect(() => database.sql("UPDATE audit_events SET outcome = 'done'").run()).toThrow('append-only');
  });

  it('refuses a schema newer than it knows, and leaves it as it is', () => {
    database.close();
    const raw = new DatabaseSync(path);
    raw.exec('PRAGMA user_version = 1000');
    raw.close();
    expect(() => openPlatformDatabase(path)).toThrow(/schema 1000.*newer release/);
    const again = new DatabaseSync(path);
    expect(again.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1000 });
    again.close();
  });

  it('refuses a file that is not a database', async () => {
    const other = join(folder, 'notes.txt');
    await writeFile(other, 'not a database, but long enough to have a header '.repeat(100));
    expect(() => openPlatformDatabase(other)).toThrow('not a SQLite database');
  });

  it('undoes a write that throws, whole', async () => {
    const failing = database.write(() => {
      database.sql(PUT_KEY).run('k1');
      throw new Error('thought better of it');
    });
    await expect(failing).rejects.toThrow('thought better of it');
    expect(keyCount()).toBe(0);
    await database.write(() => database.sql(PUT_KEY).run('k2'));
    expect(keyCount()).toBe(1);
  });

  it('waits for another writer without blocking this process', async () => {
    const rival = new DatabaseSync(path);
    rival.exec('BEGIN IMMEDIATE');
    const writing = database.write(() => database.sql(PUT_KEY).run('k1'));
    // Reached only because the wait is not a blocking one.
    rival.exec('COMMIT');
    rival.close();
    await writing;
    expect(keyCount()).toBe(1);
  });

  it('refuses to change, remove or replace an entry of the audit trail', async () => {
    const insert = "INSERT INTO audit_events (event_id, at_ms, action) VALUES (1, 1, 'submit')";
    database.sql(insert).run();
    const attempts = [
      "UPDATE audit_events SET action = 'cancel'",
      'DELETE FROM audit_events',
      insert.replace('INSERT', 'INSERT OR REPLACE').replace('submit', 'cancel'),
    ];
    for (const attempt of attempts) expect(() => database.sql(attempt).run()).toThrow('append-only');
    expect(database.sql('SELECT action FROM audit_events').all()).toEqual([{ action: 'submit' }]);
  });
});
