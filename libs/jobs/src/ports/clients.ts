import type { ApiKeyRecord, AuditEvent } from '@bpi/job-contract';

/** Who may call the API. Holds digests of keys and the audit trail. */
export interface Clients {
  findKey(keyId: string): Promise<ApiKeyRecord | null>;
  /** Refuses (false) a key id that exists already. */
  putKey(key: ApiKeyRecord): Promise<boolean>;
  /** False if there is no such key; revoking twice keeps the first time. */
  revokeKey(keyId: string, atMs: number): Promise<boolean>;
  listKeys(): Promise<ApiKeyRecord[]>;
  /** Appends; nothing ever changes or removes an entry. */
  audit(event: AuditEvent): Promise<void>;
}
