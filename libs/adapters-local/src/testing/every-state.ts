/** A database as a busy day leaves it: a job in every state, and all that lies beside jobs. Always the same one. */
import { attemptArtifactKey, jobIdSchema, type JobRecord, type Manifest } from '@bpi/job-contract';
import { newJob, transition, type JobEvent } from '@bpi/jobs';
import type { PlatformDatabase } from '../platform-database.ts';
import { SqliteClients } from '../sqlite-clients.ts';
import { SqliteJobQueue } from '../sqlite-job-queue.ts';
import { SqliteJobStore } from '../sqlite-job-store.ts';

const START_MS = Date.UTC(2026, 10, 21, 9);
const HOUR_MS = 3_600_000;
const SLOTS = 8;

const at = (seconds: number) => ({ atMs: START_MS + seconds * 1_000 });
const claimed: JobEvent = { type: 'claimed', pool: 'cpu', definition: null, ...at(1) };
const seen: JobEvent = { type: 'taskSeen', task: 'bpi-task', waitsForCapacity: false };
const started: JobEvent = { type: 'started', task: 'bpi-task', ...at(2) };
const running = [claimed, seen, started];
const published: JobEvent = { type: 'published', manifest: [], ...at(9) };
const retried: JobEvent = {
  type: 'retried',
  code: 'platform_error',
  notBeforeMs: START_MS + 20_000,
  shrink: 'no',
  ...at(9),
};
const cleaned: JobEvent = { type: 'leftoversRemoved', epochs: [1, 2] };

/** What led to each state; the state is its client's own id of the job. */
export const STATES: Readonly<Record<string, readonly JobEvent[]>> = {
  queued: [],
  launching: [claimed, seen],
  running,
  'to-be-cancelled': [...running, { type: 'cancelRequested', ...at(3) }],
  'to-be-stopped': [...running, { type: 'intended', code: 'attempt_timeout', ...at(8) }],
  'out-of-sight': [...running, { type: 'taskMissing', ...at(8) }],
  'retry-waits': [...running, retried],
  'second-attempt': [...running, retried, claimed, seen],
  'published-only': [...running, published],
  completed: [...running, published, { type: 'projected', atVersion: 5 }, cleaned],
  'completed-by-retry': [...running, retried, ...running, published, { type: 'projected', atVersion: 9 }, cleaned],
  'failed-by-model': [...running, { type: 'failed', code: 'model_error', ...at(9) }, cleaned],
  cancelled: [
    { type: 'failed', code: 'cancelled', ...at(3) },
    { type: 'projected', atVersion: 2 },
  ],
  'to-be-deleted': [...running, { type: 'deleteRequested', ...at(4) }],
  deleted: [
    { type: 'failed', code: 'cancelled', ...at(3) },
    { type: 'deleteRequested', ...at(4) },
    { type: 'erased', ...at(5) },
    { type: 'deleted', ...at(6) },
  ],
};

export const CLIENT_ID = 'clinic-a';
const KEY = { clientId: CLIENT_ID, digest: 'd'.repeat(64), createdAtMs: START_MS };
export const KEYS = [
  { ...KEY, keyId: 'aaaaaaaaaaaa', revokedAtMs: null },
  { ...KEY, keyId: 'bbbbbbbbbbbb', revokedAtMs: START_MS + HOUR_MS },
];

/** The state's job, by its number among `STATES`. */
export function jobIdOfState(state: string) {
  const number = Object.keys(STATES).indexOf(state) + 1;
  return jobIdSchema.parse(`0b5a6c1e-7d2f-4a3b-8c4d-${String(number).padStart(12, '0')}`);
}

export const claimOfState = (state: string) => ({
  keyDigest: jobIdOfState(state).replaceAll('-', '').padEnd(64, '0'),
  fingerprint: 'f'.repeat(64),
  expiresAtMs: START_MS + 24 * HOUR_MS,
});

/** @param dataRoot the words in status.txt go there. */
export async function fillWithEveryState(database: PlatformDatabase, dataRoot: string): Promise<void> {
  const store = new SqliteJobStore(database, { pools: { cpu: SLOTS }, dataRoot });
  const clients = new SqliteClients(database);
  const clock = { nowMs: () => START_MS, monotonicMs: () => 0 };
  const queue = new SqliteJobQueue(database, clock);
  for (const key of KEYS) await clients.putKey(key);
  for (const [state, events] of Object.entries(STATES)) {
    let job = acceptedJob(state);
    await store.create(job, claimOfState(state));
    for (const event of events) job = await saved(store, job, event);
    if (job.phase === 'running') await store.recordProgress(job.jobId, 1, { fraction: 0.5, step: 'work', ...at(3) });
    if (job.phase === 'queued') await queue.send(job, 0);
    await clients.audit({
      ...at(0),
      ...caller(),
      action: 'submit',
      jobId: job.jobId,
      outcome: 'done',
      requestId: 'r'.repeat(16),
    });
  }
}

const caller = () => ({ clientId: CLIENT_ID, keyId: 'aaaaaaaaaaaa' });

function acceptedJob(state: string): JobRecord {
  return newJob({
    jobId: jobIdOfState(state),
    clientId: CLIENT_ID,
    externalJobId: state,
    model: { name: 'brain-mri', version: '1.0.0' },
    pool: 'cpu',
    inputSha256: 'a'.repeat(64),
    warnings: [],
    nowMs: START_MS + Object.keys(STATES).indexOf(state),
    startDeadlineMs: HOUR_MS,
    totalDeadlineMs: 4 * HOUR_MS,
    attemptTimeoutMs: HOUR_MS,
    canShrink: true,
  });
}

async function saved(store: SqliteJobStore, job: JobRecord, event: JobEvent): Promise<JobRecord> {
  const manifest = manifestOf(job);
  const change = transition(job, event.type === 'published' ? { ...event, manifest } : event);
  const result = await store.save(change);
  if (result !== 'saved') throw new Error(`${event.type} was not saved: ${result}`);
  return change.after;
}

function manifestOf(job: JobRecord): Manifest {
  const name = 'pred_mask.npz';
  const key = attemptArtifactKey(job.jobId, job.attempt?.epoch ?? 1, name);
  return [{ name, key, bytes: 1_000, sha256: 'b'.repeat(64), media_type: 'application/octet-stream' }];
}
