import { apiKeyRecordSchema, auditEventSchema, type ApiKeyRecord, type AuditEvent } from '@bpi/job-contract';
import type { Clients } from '@bpi/jobs';

/** API keys and audit trail of tests. */
export class MemoryClients implements Clients {
  readonly #keys = new Map<string, ApiKeyRecord>();
  readonly #trail: AuditEvent[] = [];

  async findKey(keyId: string): Promise<ApiKeyRecord | null> {
    const key = this.#keys.get(keyId);
    return key === undefined ? null : { ...key };
  }

  async putKey(key: ApiKeyRecord): Promise<boolean> {
    const stored = apiKeyRecordSchema.parse(key);
    if (this.#keys.has(stored.keyId)) return false;
    this.#keys.set(stored.keyId, stored);
    return true;
  }

  async revokeKey(keyId: string, atMs: number): Promise<boolean> {
    const key = this.#keys.get(keyId);
    if (key === undefined) return false;
    this.#keys.set(keyId, { ...key, revokedAtMs: key.revokedAtMs ?? atMs });
    return true;
  }

  async listKeys(): Promise<ApiKeyRecord[]> {
    return [...this.#keys.values()].map((key) => ({ ...key }));
  }

  async audit(event: AuditEvent): Promise<void> {
    this.#trail.push(Object.freeze(auditEventSchema.parse(event)));
  }

  /** The newest entries, oldest first. */
  async auditTrail(limit: number): Promise<AuditEvent[]> {
    return this.#trail.slice(-limit);
  }
}
