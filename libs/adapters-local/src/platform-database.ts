import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { SCHEMA_STEPS } from './platform-schema.ts';

/** SQLite itself waits this long for another process, blocking this one: short, so the event loop stays alive. */
const BUSY_BLOCKING_MS = 100;
/** Then a write is tried again, without blocking, for this long in all. */
const BUSY_MAX_MS = 10_000;
const BUSY_PAUSE_MAX_MS = 20;
/** Opening blocks: nothing else runs in a process that starts. */
const OPEN_BUSY_MAX_MS = 10_000;

/** Writes that share one sync; the event loop is held up for as long as they take together. */
const WRITES_TOGETHER_MAX = 64;

/** Result codes of SQLite, low byte: https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_NOTADB = 26;

/**
 * SQLite stops at what is no JSON, and so would a step that looks into every record: one torn record would keep all others
 * from a newer release. The steps find an empty one in its place; readers find the torn one as it was, and name it.
 */
const SET_TORN_RECORDS_ASIDE = `
  CREATE TEMP TABLE torn_records AS SELECT job_id, record FROM jobs WHERE NOT json_valid(record);
  UPDATE jobs SET record = '{}' WHERE job_id IN (SELECT job_id FROM torn_records);`;
const PUT_TORN_RECORDS_BACK = `
  UPDATE jobs SET record = torn_records.record FROM torn_records WHERE jobs.job_id = torn_records.job_id;
  DROP TABLE torn_records;`;

export type PlatformDatabaseErrorCode = 'newer_schema' | 'not_a_database' | 'busy';

/** An expected failure of `platform.db`; its message says what to do. */
export class PlatformDatabaseError extends Error {
  override readonly name = 'PlatformDatabaseError';
  readonly code: PlatformDatabaseErrorCode;

  constructor(code: PlatformDatabaseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

type PendingWrite = {
  /** Does the work; answers what tells its caller so. */
  run: () => () => void;
  reject: (error: unknown) => void;
};

/**
 * One process's connection to `platform.db`. Several processes (API, worker, tools) use the file at once; SQLite's
 * write-ahead log lets readers go on beside the one writer.
 */
export class PlatformDatabase {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #waiting: PendingWrite[] = [];

  /** Use `openPlatformDatabase`, which brings the schema up to date. */
  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** The prepared statement for this SQL text, kept for the next time. Only fixed texts: each is kept for ever. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /**
   * Runs `work` whole, durable when the promise resolves, or not at all. The write lock is taken first, so what `work`
   * reads is what it overwrites; `work` is run again if the database was busy. Writes that are asked for at the same
   * time share one transaction and its sync, each with a savepoint of its own: one that fails undoes only itself.
   * Throws PlatformDatabaseError `busy` when other writers held the lock for BUSY_MAX_MS.
   */
  write<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const run = () => {
        const value = work();
        return () => resolve(value);
      };
      this.#waiting.push({ run, reject });
      // After what has come in by now was looked at: much of it may end in a write, too.
      if (this.#waiting.length === 1) setImmediate(() => void this.#writeTogether());
    });
  }

  async #writeTogether(): Promise<void> {
    const writes = this.#waiting.splice(0, WRITES_TOGETHER_MAX);
    if (this.#waiting.length > 0) setImmediate(() => void this.#writeTogether());
    try {
      const settle = await untilFree(() => this.#commit(writes));
      for (const done of settle) done();
    } catch (error) {
      for (const { reject } of writes) reject(error);
    }
  }

  /** From BEGIN to COMMIT without an await. Answers what tells each its result, to be called once it is durable. */
  #commit(writes: readonly PendingWrite[]): (() => void)[] {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const settle = writes.map((write) => this.#runAlone(write));
      this.#db.exec('COMMIT');
      return settle;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #runAlone({ run, reject }: PendingWrite): () => void {
    this.#db.exec('SAVEPOINT alone');
    try {
      const done = run();
      this.#db.exec('RELEASE alone');
      return done;
    } catch (error) {
      // A full disk ends the whole transaction, and then there is nothing to go back to.
      if (!this.#db.isTransaction) throw error;
      this.#db.exec('ROLLBACK TO alone');
      this.#db.exec('RELEASE alone');
      return () => reject(error);
    }
  }

  /** Runs one reading statement. It sees everything that was committed before. */
  async read<T>(work: () => T): Promise<T> {
    return untilFree(work);
  }

  /** Finished statements are safe on disk already; closing twice is no error. */
  close(): void {
    if (!this.#db.isOpen) return;
    this.#statements.clear();
    this.#db.close();
  }
}

/** Opens the file, creating it and its folder (readable for this user only), and brings the schema up to date. */
export function openPlatformDatabase(path: string): PlatformDatabase {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600)); // the log and index files that SQLite adds inherit this mode
  const db = new DatabaseSync(path, { timeout: BUSY_BLOCKING_MS, enableForeignKeyConstraints: true });
  try {
    whileOpening(() => prepare(db));
    return new PlatformDatabase(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: DatabaseSync): void {
  db.exec('PRAGMA journal_mode = WAL');
  db.exec('PRAGMA synchronous = FULL');
  // Without it, INSERT OR REPLACE would delete rows behind the back of the audit trail's triggers.
  db.exec('PRAGMA recursive_triggers = ON');
  if (schemaVersion(db) === SCHEMA_STEPS.length) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    migrate(db);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function migrate(db: DatabaseSync): void {
  const version = schemaVersion(db); // read again: another process may have been faster
  if (version > SCHEMA_STEPS.length) {
    throw new PlatformDatabaseError(
      'newer_schema',
      `The database has schema ${version}, this program knows ${SCHEMA_STEPS.length}: ` +
        'run the newer release, or use another data folder.',
    );
  }
  if (version > 0) db.exec(SET_TORN_RECORDS_ASIDE);
  for (const step of SCHEMA_STEPS.slice(version)) db.exec(step);
  if (version > 0) db.exec(PUT_TORN_RECORDS_BACK);
  db.exec(`PRAGMA user_version = ${SCHEMA_STEPS.length}`);
}

function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
}

function whileOpening(work: () => void): void {
  const giveUpAtMs = performance.now() + OPEN_BUSY_MAX_MS;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      work();
      return;
    } catch (error) {
      if (resultCode(error) === SQLITE_NOTADB) {
        const message = 'The file is not a SQLite database: move it away.';
        throw new PlatformDatabaseError('not_a_database', message, { cause: error });
      }
      if (resultCode(error) !== SQLITE_BUSY) throw error;
      if (performance.now() >= giveUpAtMs) throw busyError(error);
      Atomics.wait(sleeper, 0, 0, randomPauseMs());
    }
  }
}

async function untilFree<T>(work: () => T): Promise<T> {
  const giveUpAtMs = performance.now() + BUSY_MAX_MS;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (resultCode(error) !== SQLITE_BUSY) throw error;
      if (performance.now() >= giveUpAtMs) throw busyError(error);
      await pause(randomPauseMs());
    }
  }
}

function busyError(cause: unknown): PlatformDatabaseError {
  const message = 'Another process keeps the database locked: end it, then try again.';
  return new PlatformDatabaseError('busy', message, { cause });
}

/** At random, so that writers who met once do not meet again. */
function randomPauseMs(): number {
  return 1 + Math.random() * BUSY_PAUSE_MAX_MS;
}

/** The primary result code of an error of node:sqlite (extended codes carry it in the low byte), else null. */
function resultCode(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return null;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : null;
}
