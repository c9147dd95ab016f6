import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openPlatformDatabase, SqliteClients } from '@bpi/adapters-local';
import { createKey } from '../api-keys.ts';
import { postRequest } from './load.ts';
import { MULTIPART_TYPE, multipartAround } from './post-file.ts';

/** An API key for each of some clients of this data folder. Before or while an API uses it. */
export async function makeKeys(dataDir: string, count: number): Promise<string[]> {
  const database = openPlatformDatabase(join(dataDir, 'platform.db'));
  try {
    const clients = new SqliteClients(database);
    const keys: string[] = [];
    for (let client = 0; client < count; client += 1) keys.push(await createKey(clients, `bench-${client}`));
    return keys;
  } finally {
    database.close();
  }
}

/** The request that submits a small file, once for each key. */
export async function submitRequests(path: string, keys: readonly string[]): Promise<Buffer[]> {
  const { head, tail } = multipartAround({});
  const body = Buffer.concat([head, await readFile(path), tail]);
  return keys.map((key) =>
    postRequest('/infer', body, { 'Content-Type': MULTIPART_TYPE, Authorization: `Bearer ${key}` }),
  );
}
