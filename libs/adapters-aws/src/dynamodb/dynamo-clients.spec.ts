import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ApiKeyRecord, AuditEvent } from '@bpi/job-contract';
import { DYNAMO_CLIENTS_OPERATIONS, DynamoClients } from './dynamo-clients.ts';
import { START_MS } from './testing/a-job.ts';
import { makeEmulatedTable, type EmulatedTable } from './testing/emulated-table.ts';
import { faultsOn, type ScriptedClient } from './testing/scripted-client.ts';

const KEY: ApiKeyRecord = {
  keyId: 'keyone000001',
  clientId: 'clinic',
  digest: 'a'.repeat(64),
  createdAtMs: START_MS,
  revokedAtMs: null,
};
const EVENT: AuditEvent = {
  atMs: START_MS,
  clientId: 'clinic',
  keyId: 'keyone000001',
  action: 'submit',
  outcome: 'done',
  jobId: null,
  requestId: null,
};

describe('DynamoClients', () => {
  let table: EmulatedTable;
  /** The SDK tries twice. */
  let scripted: ScriptedClient;
  let clients: DynamoClients;
  beforeEach(async () => {
    table = await makeEmulatedTable(process.env['BPI_TEST_AWS_ENDPOINT']);
    scripted = table.connect(2);
    clients = new DynamoClients(scripted.client, { tableName: table.tableName });
  });
  afterEach(async () => {
    await table.close();
  });

  it('knows its own key again when the answer of the first try was lost', async () => {
    scripted.follow(faultsOn('PutItem', ['lost']));
    expect(await clients.putKey(KEY)).toBe(true);
    expect(scripted.tried).toEqual(['PutItem', 'PutItem']);
    expect(await clients.putKey(KEY)).toBe(false);
  });

  it('keeps an audit event once when the answer of the first try was lost', async () => {
    scripted.follow(faultsOn('PutItem', ['lost']));
    await clients.audit(EVENT);
    expect(await clients.auditTrail({ atMs: START_MS, limit: 10 })).toEqual([EVENT]);
  });

  it('keeps the first time of a revocation whose answer was lost', async () => {
    await clients.putKey(KEY);
    scripted.follow(faultsOn('UpdateItem', ['lost']));
    expect(await clients.revokeKey(KEY.keyId, START_MS + 1)).toBe(true);
    expect(await clients.findKey(KEY.keyId)).toEqual({ ...KEY, revokedAtMs: START_MS + 1 });
  });

  it('shows the audit events of one day, and not more than asked for', async () => {
    for (const atMs of [START_MS - 1, START_MS + 2, START_MS + 1]) await clients.audit({ ...EVENT, atMs });
    const times = async (limit: number) =>
      (await clients.auditTrail({ atMs: START_MS, limit })).map(({ atMs }) => atMs - START_MS);
    expect(await times(10)).toEqual([1, 2]);
    expect(await times(1)).toEqual([1]);
  });

  it('raises errors in words of its own', async () => {
    for (const [command, call] of [
      ['GetItem', () => clients.findKey(KEY.keyId)],
      ['PutItem', () => clients.putKey(KEY)],
      ['UpdateItem', () => clients.revokeKey(KEY.keyId, 1)],
      ['Query', () => clients.listKeys()],
    ] as const) {
      scripted.follow(faultsOn(command, ['broken', 'broken']));
      await expect(call()).rejects.toMatchObject({ name: 'AwsError', code: 'InternalServerError', retryable: true });
    }
  });

  it('sends the commands that it lists, and no other', async () => {
    await clients.putKey(KEY);
    await clients.findKey(KEY.keyId);
    await clients.revokeKey(KEY.keyId, 1);
    await clients.listKeys();
    await clients.audit(EVENT);
    const tried = new Set(scripted.tried.map((operation) => `dynamodb:${operation}`));
    expect([...tried].sort()).toEqual(DYNAMO_CLIENTS_OPERATIONS);
  });
});
