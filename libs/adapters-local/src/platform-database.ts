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

/** Result codes of SQLite, low byte: https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_NOTADB = 26;

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

/**
 * One process's connection to `platform.db`. Several processes (API, worker, tools) use the file at once; SQLite's
 * write-ahead log lets readers go on beside the one writer.
 */
export class PlatformDatabase {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

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
   * Runs `work` as one transaction: all of it, durable when the promise resolves, or nothing. The write lock is
   * taken first, so what `work` reads is what it overwrites; `work` is run again if the database was busy.
   * Throws PlatformDatabaseError `busy` when other writers held the lock for BUSY_MAX_MS.
   */
  async write<T>(work: () => T): Promise<T> {
    // From BEGIN to COMMIT without an await: two writes of one process would otherwise share a transaction.
    return untilFree(() => {
      this.#db.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#db.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        throw error;
      }
    });
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
  for (const step of SCHEMA_STEPS.slice(version)) db.exec(step);
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
