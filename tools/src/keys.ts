/**
 * API keys of the local composition: `./tools/keys create CLIENT | list | revoke KEY_ID [--data ./data]`.
 * A key is shown once, when it is made; only its digest is stored. Two live keys per client allow rotation.
 */
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openPlatformDatabase, SqliteClients } from '@bpi/adapters-local';
import { apiKeyRecordSchema } from '@bpi/job-contract';
import type { Clients } from '@bpi/jobs';

const USAGE = 'usage: ./tools/keys create CLIENT | list | revoke KEY_ID   [--data ./data]';
const KEY_ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const KEY_ID_CHARS = 12;
const SECRET_BYTES = 32;
const LIVE_KEYS_MAX = 2;

const say = (line: string) => process.stdout.write(`${line}\n`);

async function create(clients: Clients, clientId: string): Promise<void> {
  const nameProblem = apiKeyRecordSchema.shape.clientId.safeParse(clientId).error?.issues[0]?.message;
  if (nameProblem !== undefined) throw new Error(`The client's name ${nameProblem}. ${USAGE}`);
  const live = (await clients.listKeys()).filter((key) => key.clientId === clientId && key.revokedAtMs === null);
  if (live.length >= LIVE_KEYS_MAX) {
    throw new Error(
      `${clientId} has ${live.length} live keys already: revoke one first (./tools/keys list shows them).`,
    );
  }
  const keyId = Array.from({ length: KEY_ID_CHARS }, () => KEY_ID_ALPHABET[randomInt(KEY_ID_ALPHABET.length)]).join('');
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const digest = createHash('sha256').update(secret).digest('hex');
  await clients.putKey({ keyId, clientId, digest, createdAtMs: Date.now(), revokedAtMs: null });
  await audit(clients, 'key.create', clientId, keyId);
  say(`bpi_${keyId}_${secret}`);
  process.stderr.write('Keep this key: it is shown this once. Send it as "Authorization: Bearer KEY".\n');
}

async function list(clients: Clients): Promise<void> {
  for (const key of await clients.listKeys()) {
    const state = key.revokedAtMs === null ? 'live' : `revoked ${new Date(key.revokedAtMs).toISOString()}`;
    say(`${key.keyId}  ${key.clientId}  made ${new Date(key.createdAtMs).toISOString()}  ${state}`);
  }
}

async function revoke(clients: Clients, keyId: string): Promise<void> {
  const key = await clients.findKey(keyId);
  if (key === null || !(await clients.revokeKey(keyId, Date.now()))) {
    throw new Error('There is no such key id: ./tools/keys list shows them.');
  }
  await audit(clients, 'key.revoke', key.clientId, keyId);
  say(`${keyId} is revoked; requests with it are refused from now on.`);
}

function audit(clients: Clients, action: 'key.create' | 'key.revoke', clientId: string, keyId: string): Promise<void> {
  return clients.audit({ atMs: Date.now(), clientId, keyId, action, jobId: null, requestId: null });
}

async function main(argv: string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { data: { type: 'string' } },
  });
  const [verb, name] = positionals;
  const dataDir = resolve(values.data ?? process.env['DATA_DIR'] ?? join(import.meta.dirname, '../../data'));
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const database = openPlatformDatabase(join(dataDir, 'platform.db'));
  try {
    const clients = new SqliteClients(database);
    if (verb === 'create' && name !== undefined) await create(clients, name);
    else if (verb === 'list') await list(clients);
    else if (verb === 'revoke' && name !== undefined) await revoke(clients, name);
    else throw new Error(USAGE);
  } finally {
    database.close();
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : 'unknown error'}\n`);
  process.exitCode = 1;
}
