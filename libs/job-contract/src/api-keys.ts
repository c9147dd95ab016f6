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
  /** The platform's own, by nobody's wish: what was kept of a job is removed because its time is over. */
  'expire.input',
  'expire.result',
  'expire.logs',
  'expire.record',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/**
 * What became of it. `refused` is every refusal without a word of its own; `failed`: the platform could not, and whether
 * something was done is not known.
 */
export const AUDIT_OUTCOMES = ['done', 'refused', 'not_found', 'gone', 'already_ended', 'failed'] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/**
 * An entry of the append-only audit trail: ids and words of ours, nothing else. `jobId` is that of a job that exists,
 * which may be another client's if the outcome is `not_found`; an id that somebody invented is text of theirs.
 */
export const auditEventSchema = z.strictObject({
  atMs: z.int(),
  clientId: z.string().nullable(),
  keyId: z.string().nullable(),
  action: z.enum(AUDIT_ACTIONS),
  jobId: z.string().nullable(),
  outcome: z.enum(AUDIT_OUTCOMES),
  requestId: z.string().nullable(),
});
export type AuditEvent = z.infer<typeof auditEventSchema>;

/** As read from a trail: entries of older releases have no outcome. */
export const storedAuditEventSchema = auditEventSchema.extend({
  outcome: z.enum(AUDIT_OUTCOMES).nullable().default(null),
});
export type StoredAuditEvent = z.infer<typeof storedAuditEventSchema>;
