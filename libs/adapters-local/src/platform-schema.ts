/**
 * The schema of `platform.db`, one step per released version; `user_version` counts the steps that were taken.
 * A step that was released never changes: add another, and the database of the step before it to `testing/schema/`.
 * A record that is no JSON is `{}` while steps run.
 */
export const SCHEMA_STEPS: readonly string[] = [
  `
  -- The record is the truth; the columns beside it exist to find it and to compare before writing.
  CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    pool TEXT NOT NULL,
    phase TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    record TEXT NOT NULL,
    progress_epoch INTEGER,
    progress_fraction REAL,
    progress_step TEXT,
    progress_at_ms INTEGER
  ) STRICT;

  -- Partial: the sweep's cost follows the jobs that are not over, however many ended ones are kept.
  CREATE INDEX jobs_active ON jobs (created_at_ms, job_id) WHERE active = 1;

  CREATE TABLE pool_holders (
    job_id TEXT PRIMARY KEY REFERENCES jobs (job_id) ON DELETE CASCADE,
    pool TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX pool_holders_pool ON pool_holders (pool);

  CREATE TABLE idempotency (
    key_digest TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
    expires_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_expiry ON idempotency (expires_at_ms);
  CREATE INDEX idempotency_job ON idempotency (job_id);

  CREATE TABLE queue_messages (
    message_id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL,
    visible_at_ms INTEGER NOT NULL,
    received_count INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX queue_messages_visible ON queue_messages (visible_at_ms, message_id);

  CREATE TABLE api_keys (
    key_id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE audit_events (
    event_id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    client_id TEXT,
    key_id TEXT,
    action TEXT NOT NULL,
    job_id TEXT,
    request_id TEXT
  ) STRICT;
  CREATE TRIGGER audit_events_keep_update BEFORE UPDATE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
  CREATE TRIGGER audit_events_keep_delete BEFORE DELETE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
  `,
  `
  -- An attempt has its own pool since a retry may move to another one; until then it was the job's.
  UPDATE jobs SET record = json_set(record,
    '$.attempt.pool', json_extract(record, '$.pool'),
    '$.attempt.definition', NULL,
    '$.attempt.waitsForCapacity', json('false'))
  WHERE json_type(record, '$.attempt') = 'object';
  UPDATE jobs SET record = json_set(record, '$.endedAttempts', (
    SELECT json_group_array(json_set(ended.value, '$.pool', json_extract(jobs.record, '$.pool')))
    FROM json_each(jobs.record, '$.endedAttempts') AS ended
  ));
  `,
  `
  -- A client lists its own jobs, newest first; what it deleted is out of its lists, however much that is.
  ALTER TABLE jobs ADD COLUMN listed INTEGER NOT NULL DEFAULT 1 CHECK (listed IN (0, 1));
  ALTER TABLE jobs ADD COLUMN external_job_id TEXT;
  -- A record that nobody can read keeps the others from nothing, here as elsewhere.
  UPDATE jobs SET external_job_id = json_extract(record, '$.externalJobId')
  WHERE CASE WHEN json_valid(record) THEN json_extract(record, '$.externalJobId') IS NOT NULL ELSE 0 END;
  CREATE INDEX jobs_client ON jobs (client_id, created_at_ms, job_id) WHERE listed = 1;
  CREATE INDEX jobs_external ON jobs (client_id, external_job_id, created_at_ms, job_id)
    WHERE listed = 1 AND external_job_id IS NOT NULL;
  `,
  `
  -- How many jobs a client has queued is asked with each upload.
  CREATE INDEX jobs_queued ON jobs (client_id) WHERE phase = 'queued';
  -- With the phase, so that counting the active jobs reads the index alone.
  DROP INDEX jobs_active;
  CREATE INDEX jobs_active ON jobs (created_at_ms, job_id, phase) WHERE active = 1;
  `,
  `
  -- What is past its time is found by when it is due, whatever number of jobs is kept. A job that ended before this has
  -- no times of its own: it is due at once, to be given them. One that is still active gets its time with its next save.
  ALTER TABLE jobs ADD COLUMN due_at_ms INTEGER;
  UPDATE jobs SET due_at_ms = json_extract(record, '$.endedAtMs')
  WHERE active = 0 AND phase IN ('completed', 'failed') AND json_type(record, '$.deletion') IS NOT 'object';
  CREATE INDEX jobs_due ON jobs (due_at_ms, job_id) WHERE due_at_ms IS NOT NULL;

  -- Entries of older releases have none.
  ALTER TABLE audit_events ADD COLUMN outcome TEXT;
  `,
];
