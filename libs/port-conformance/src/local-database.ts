import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPlatformDatabase, type PlatformDatabase } from '@bpi/adapters-local';

export type LocalDatabase = {
  folder: string;
  path: string;
  /** An own connection, closed with the rest. */
  connect(): PlatformDatabase;
  close(): Promise<void>;
};

/** A data folder with a database of one test. */
export async function makeLocalDatabase(): Promise<LocalDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'bpi-'));
  const path = join(folder, 'platform.db');
  const connections: PlatformDatabase[] = [];
  return {
    folder,
    path,
    connect: () => {
      const database = openPlatformDatabase(path);
      connections.push(database);
      return database;
    },
    close: async () => {
      for (const connection of connections) connection.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
