import {
  apiKeyRecordSchema,
  auditEventSchema,
  storedAuditEventSchema,
  type ApiKeyRecord,
  type AuditEvent,
  type StoredAuditEvent,
} from '@bpi/job-contract';
import type { Clients } from '@bpi/jobs';
import type { PlatformDatabase } from './platform-database.ts';

const KEY_COLUMNS = `
  key_id AS keyId, client_id AS clientId, digest, created_at_ms AS createdAtMs, revoked_at_ms AS revokedAtMs`;
const FIND_KEY = `SELECT ${KEY_COLUMNS} FROM api_keys WHERE key_id = ?`;
const LIST_KEYS = `SELECT ${KEY_COLUMNS} FROM api_keys ORDER BY created_at_ms, key_id`;
const PUT_KEY = `
  INSERT INTO api_keys (key_id, client_id, digest, created_at_ms, revoked_at_ms) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (key_id) DO NOTHING`;
const REVOKE_KEY = 'UPDATE api_keys SET revoked_at_ms = coalesce(revoked_at_ms, ?) WHERE key_id = ?';
const AUDIT = `
  INSERT INTO audit_events (at_ms, client_id, key_id, action, job_id, outcome, request_id)
  VALUES (?, ?, ?, ?, ?, ?, ?)`;
const NEWEST_EVENTS = `
  SELECT at_ms AS atMs, client_id AS clientId, key_id AS keyId, action, job_id AS jobId, outcome,
    request_id AS requestId
  FROM audit_events ORDER BY event_id DESC LIMIT ?`;

/** API keys (digests only) and the audit trail; the schema's triggers refuse to change or remove an entry of it. */
export class SqliteClients implements Clients {
  readonly #database: PlatformDatabase;

  constructor(database: PlatformDatabase) {
    this.#database = database;
  }

  async findKey(keyId: string): Promise<ApiKeyRecord | null> {
    const row = await this.#database.read(() => this.#database.sql(FIND_KEY).get(keyId));
    return row === undefined ? null : apiKeyRecordSchema.parse({ ...row });
  }

  async putKey(key: ApiKeyRecord): Promise<boolean> {
    const { keyId, clientId, digest, createdAtMs, revokedAtMs } = apiKeyRecordSchema.parse(key);
    return this.#database.write(
      () => this.#database.sql(PUT_KEY).run(keyId, clientId, digest, createdAtMs, revokedAtMs).changes === 1,
    );
  }

  async revokeKey(keyId: string, atMs: number): Promise<boolean> {
    return this.#database.write(() => this.#database.sql(REVOKE_KEY).run(atMs, keyId).changes === 1);
  }

  async listKeys(): Promise<ApiKeyRecord[]> {
    const rows = await this.#database.read(() => this.#database.sql(LIST_KEYS).all());
    return rows.map((row) => apiKeyRecordSchema.parse({ ...row }));
  }

  async audit(event: AuditEvent): Promise<void> {
    const { atMs, clientId, keyId, action, jobId, outcome, requestId } = auditEventSchema.parse(event);
    await this.#database.write(() =>
      this.#database.sql(AUDIT).run(atMs, clientId, keyId, action, jobId, outcome, requestId),
    );
  }

  /** The newest entries, oldest first. */
  async auditTrail(limit: number): Promise<StoredAuditEvent[]> {
    const rows = await this.#database.read(() => this.#database.sql(NEWEST_EVENTS).all(limit));
    return rows.map((row) => storedAuditEventSchema.parse({ ...row })).reverse();
  }
}
