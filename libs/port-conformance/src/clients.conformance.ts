import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ApiKeyRecord, AuditEvent, StoredAuditEvent } from '@bpi/job-contract';
import type { Clients } from '@bpi/jobs';
import { jobIdOf, START_MS } from './builders.ts';

export type ClientsHarness = {
  clients: Clients;
  /** Another process's view of the same keys. */
  second(): Promise<Clients>;
  /** What the audit trail holds, oldest first. */
  auditTrail(): Promise<StoredAuditEvent[]>;
  close(): Promise<void>;
};

const RACERS = 10;

/** The obligations of `Clients`, on any backend. */
export function describeClients(name: string, make: () => Promise<ClientsHarness>): void {
  describe(`Clients: ${name}`, () => {
    let harness: ClientsHarness;
    beforeEach(async () => {
      harness = await make();
    });
    afterEach(async () => {
      await harness.close();
    });

    describe('keys', () => describeKeys(() => harness));
    describe('records', () => describeRecords(() => harness));
  });
}

function describeKeys(harness: () => ClientsHarness): void {
  it('finds a key as it was put, in every process, and no other', async () => {
    const { clients, second } = harness();
    expect(await clients.putKey(aKey())).toBe(true);
    expect(await (await second()).findKey('keyone000001')).toEqual(aKey());
    expect(await clients.findKey('keytwo000002')).toBeNull();
  });

  it('refuses a key id that exists, and keeps the first', async () => {
    const { clients } = harness();
    await clients.putKey(aKey());
    expect(await clients.putKey(aKey({ clientId: 'other', digest: 'b'.repeat(64) }))).toBe(false);
    expect(await clients.findKey('keyone000001')).toEqual(aKey());
  });

  it('lets one of ten concurrent puts of one key id win', async () => {
    const { clients, second } = harness();
    const other = await second();
    const puts = Array.from({ length: RACERS }, (_, n) =>
      (n % 2 === 0 ? clients : other).putKey(aKey({ clientId: `client-${n}` })),
    );
    expect((await Promise.all(puts)).filter((stored) => stored)).toHaveLength(1);
    expect(await clients.listKeys()).toHaveLength(1);
  });

  it('revokes a key once: a second time changes nothing', async () => {
    const { clients } = harness();
    await clients.putKey(aKey());
    expect(await clients.revokeKey('keyone000001', START_MS + 5)).toBe(true);
    expect(await clients.revokeKey('keyone000001', START_MS + 9)).toBe(true);
    expect(await clients.findKey('keyone000001')).toEqual(aKey({ revokedAtMs: START_MS + 5 }));
  });

  it('says that there is no such key to revoke', async () => {
    expect(await harness().clients.revokeKey('keyone000001', START_MS)).toBe(false);
  });

  it('lists all keys, revoked ones too', async () => {
    const { clients } = harness();
    expect(await clients.listKeys()).toEqual([]);
    await clients.putKey(aKey());
    await clients.putKey(aKey({ keyId: 'keytwo000002', revokedAtMs: START_MS }));
    const keys = await clients.listKeys();
    expect(keys.map(({ keyId, revokedAtMs }) => ({ keyId, revokedAtMs }))).toEqual([
      { keyId: 'keyone000001', revokedAtMs: null },
      { keyId: 'keytwo000002', revokedAtMs: START_MS },
    ]);
  });
}

function describeRecords(harness: () => ClientsHarness): void {
  it('refuses (throws) a record that is not one', async () => {
    await expect(harness().clients.putKey(aKey({ digest: 'the secret itself' }))).rejects.toThrow();
    expect(await harness().clients.listKeys()).toEqual([]);
  });

  it('keeps every audit event in order', async () => {
    const { clients, auditTrail } = harness();
    const events = [
      anEvent(),
      anEvent({ action: 'cancel', outcome: 'already_ended' }),
      anEvent({ clientId: null, keyId: null, jobId: null }),
      anEvent({ action: 'expire.record', clientId: null, keyId: null, requestId: null }),
    ];
    for (const event of events) await clients.audit(event);
    expect(await auditTrail()).toEqual(events);
  });
}

function aKey(given: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  const ids = { keyId: 'keyone000001', clientId: 'clinic', digest: 'a'.repeat(64) };
  return { ...ids, createdAtMs: START_MS, revokedAtMs: null, ...given };
}

function anEvent(given: Partial<AuditEvent> = {}): AuditEvent {
  const ids = { clientId: 'clinic', keyId: 'keyone000001', jobId: jobIdOf(1), requestId: 'r-1' };
  return { atMs: START_MS, action: 'submit', outcome: 'done', ...ids, ...given };
}
