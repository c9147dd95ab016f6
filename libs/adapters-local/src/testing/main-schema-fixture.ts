/**
 * Prints a database of the present schema with a job in every state, as SQL. Before a new step is added to the schema:
 *
 *     node libs/adapters-local/src/testing/main-schema-fixture.ts > libs/adapters-local/src/testing/schema/NUMBER.sql
 *
 * where NUMBER is the count of steps before the new one. Such a file never changes again.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openPlatformDatabase } from '../platform-database.ts';
import { fillWithEveryState } from './every-state.ts';

const folder = await mkdtemp(join(tmpdir(), 'bpi-fixture-'));
try {
  const path = join(folder, 'platform.db');
  const database = openPlatformDatabase(path);
  await fillWithEveryState(database, folder);
  database.close();
  const raw = new DatabaseSync(path, { readOnly: true });
  process.stdout.write(sqlOf(raw));
  raw.close();
} finally {
  await rm(folder, { recursive: true });
}

function sqlOf(db: DatabaseSync): string {
  const objects = db
    .prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
    .all();
  const tables = objects.filter(({ type }) => type === 'table');
  const statements = [
    ...tables.map(({ sql }) => `${String(sql)};`),
    ...tables.flatMap(({ name }) => rowsOf(db, String(name))),
    // After the rows: the audit trail's triggers guard them from here on.
    ...objects.filter(({ type }) => type !== 'table').map(({ sql }) => `${String(sql)};`),
    `PRAGMA user_version = ${String(db.prepare('PRAGMA user_version').get()?.['user_version'])};`,
  ];
  return `${statements.join('\n')}\n`;
}

function rowsOf(db: DatabaseSync, table: string): string[] {
  const columns = db
    .prepare(`PRAGMA table_info(${table})`)
    .all()
    .map(({ name }) => String(name));
  const quoted = columns.map((name) => `quote(${name})`).join(" || ', ' || ");
  return db
    .prepare(`SELECT ${quoted} AS row FROM ${table}`)
    .all()
    .map(({ row }) => `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${String(row)});`);
}
