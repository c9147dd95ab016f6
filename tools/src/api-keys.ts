import { createHash, randomBytes, randomInt } from 'node:crypto';
import { apiKeyRecordSchema, type AuditEvent } from '@bpi/job-contract';
import type { Clients } from '@bpi/jobs';

const KEY_ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const KEY_ID_CHARS = 12;
const SECRET_BYTES = 32;
/** Two allow rotation. */
const LIVE_KEYS_MAX = 2;

/** A new key for a client. Only its digest is stored: the answer is the one chance to see it. Throws one sentence. */
export async function createKey(clients: Clients, clientId: string): Promise<string> {
  const nameProblem = apiKeyRecordSchema.shape.clientId.safeParse(clientId).error?.issues[0]?.message;
  if (nameProblem !== undefined) throw new Error(`The client's name ${nameProblem}.`);
  const live = (await clients.listKeys()).filter((key) => key.clientId === clientId && key.revokedAtMs === null);
  if (live.length >= LIVE_KEYS_MAX) {
    await audit(clients, 'key.create', { clientId, keyId: null, outcome: 'refused' });
    throw new Error(
      `${clientId} has ${live.length} live keys already: revoke one first (./tools/keys list shows them).`,
    );
  }
  const keyId = Array.from({ length: KEY_ID_CHARS }, () => KEY_ID_ALPHABET[randomInt(KEY_ID_ALPHABET.length)]).join('');
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const digest = createHash('sha256').update(secret).digest('hex');
  await clients.putKey({ keyId, clientId, digest, createdAtMs: Date.now(), revokedAtMs: null });
  await audit(clients, 'key.create', { clientId, keyId, outcome: 'done' });
  return `bpi_${keyId}_${secret}`;
}

/** Requests with the key are refused from now on. Throws one sentence if there is none to revoke. */
export async function revokeKey(clients: Clients, keyId: string): Promise<void> {
  const key = await clients.findKey(keyId);
  if (key === null || !(await clients.revokeKey(keyId, Date.now()))) {
    await audit(clients, 'key.revoke', { clientId: null, keyId: null, outcome: 'not_found' });
    throw new Error('There is no such key id: ./tools/keys list shows them.');
  }
  await audit(clients, 'key.revoke', { ...key, outcome: 'done' });
}

type Done = Pick<AuditEvent, 'clientId' | 'keyId' | 'outcome'>;

function audit(clients: Clients, action: 'key.create' | 'key.revoke', done: Done): Promise<void> {
  const { clientId, keyId, outcome } = done;
  return clients.audit({ atMs: Date.now(), clientId, keyId, action, jobId: null, outcome, requestId: null });
}
