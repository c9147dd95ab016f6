import { z } from 'zod';

/** `bpi_<key id>_<secret>`: 12 characters that name the key, 43 (32 random bytes, base64url) that prove it. */
export const apiKeyPattern = /^bpi_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/;

/** What is stored of a key: its digest, never the secret. */
export const apiKeyRecordSchema = z.strictObject({
  keyId: z.string().regex(/^[a-z0-9]{12}$/),
  clientId: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and dashes'),
  /** SHA-256 of the secret part; a slow hash adds nothing to 256 random bits. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  createdAtMs: z.int(),
  revokedAtMs: z.int().nullable(),
});
export type ApiKeyRecord = z.infer<typeof apiKeyRecordSchema>;

export const AUDIT_ACTIONS = [
  'submit',
  'cancel',
  'delete',
  'result.read',
  'logs.read',
  'key.create',
  'key.revoke',
  'auth.refused',
] as const;

/** An entry of the append-only audit trail: ids and words of ours, nothing else. */
export const auditEventSchema = z.strictObject({
  atMs: z.int(),
  clientId: z.string().nullable(),
  keyId: z.string().nullable(),
  action: z.enum(AUDIT_ACTIONS),
  jobId: z.string().nullable(),
  requestId: z.string().nullable(),
});
export type AuditEvent = z.infer<typeof auditEventSchema>;
