/**
 * API keys: `./tools/keys create CLIENT | list | revoke KEY_ID [--data ./data | --table NAME]`.
 * Without options those of the local composition; with a table those of a deployment, in the region and with the
 * credentials that the AWS SDK finds (`AWS_REGION`, `AWS_PROFILE`). A key is shown once, when it is made.
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DynamoClients, openAwsClients } from '@bpi/adapters-aws';
import { openPlatformDatabase, SqliteClients } from '@bpi/adapters-local';
import type { Clients } from '@bpi/jobs';
import { createKey, revokeKey } from './api-keys.ts';

const USAGE = 'usage: ./tools/keys create CLIENT | list | revoke KEY_ID   [--data ./data | --table NAME]';

const say = (line: string) => process.stdout.write(`${line}\n`);

async function list(clients: Clients): Promise<void> {
  for (const key of await clients.listKeys()) {
    const state = key.revokedAtMs === null ? 'live' : `revoked ${new Date(key.revokedAtMs).toISOString()}`;
    say(`${key.keyId}  ${key.clientId}  made ${new Date(key.createdAtMs).toISOString()}  ${state}`);
  }
}

async function run(clients: Clients, [verb, name, ...more]: readonly string[]): Promise<void> {
  if (more.length > 0) throw new Error(USAGE);
  if (verb === 'create' && name !== undefined) {
    say(await createKey(clients, name));
    process.stderr.write('Keep this key: it is shown this once. Send it as "Authorization: Bearer KEY".\n');
  } else if (verb === 'list' && name === undefined) {
    await list(clients);
  } else if (verb === 'revoke' && name !== undefined) {
    await revokeKey(clients, name);
    say(`${name} is revoked; requests with it are refused from now on.`);
  } else throw new Error(USAGE);
}

async function inFolder(dataDir: string, work: (clients: Clients) => Promise<void>): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const database = openPlatformDatabase(join(dataDir, 'platform.db'));
  try {
    await work(new SqliteClients(database));
  } finally {
    database.close();
  }
}

async function inTable(tableName: string, work: (clients: Clients) => Promise<void>): Promise<void> {
  const region = process.env['AWS_REGION'];
  if (region === undefined || region === '') throw new Error('AWS_REGION is not set: name the region of the table.');
  const aws = openAwsClients({ region });
  try {
    await work(new DynamoClients(aws.dynamo, { tableName }));
  } finally {
    aws.destroy();
  }
}

async function main(argv: string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { data: { type: 'string' }, table: { type: 'string' } },
  });
  const work = (clients: Clients) => run(clients, positionals);
  if (values.table !== undefined && values.data !== undefined) throw new Error(USAGE);
  if (values.table !== undefined) return inTable(values.table, work);
  return inFolder(resolve(values.data ?? process.env['DATA_DIR'] ?? join(import.meta.dirname, '../../data')), work);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : 'unknown error'}\n`);
  process.exitCode = 1;
}
