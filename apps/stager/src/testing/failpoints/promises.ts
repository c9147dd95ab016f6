/** What a data folder looks like from outside, and what must be true of it once everything has come to rest. */
import { createHash } from 'node:crypto';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  CLASS_OF_KIND,
  DEFAULT_RETENTION,
  FILE_CLASSES,
  inputKey,
  isTerminal,
  jobFileKey,
  jobPrefix,
  jobRecordSchema,
  metadataSchema,
  objectKind,
  publishedKey,
  statusOf,
} from '@bpi/job-contract';
import type { JobRecord, ManifestEntry, RetentionClass } from '@bpi/job-contract';
import { isActive, isExpired, projectionDue } from '@bpi/jobs';
import { orNull } from '../../work-folder.ts';
import type { Outcome } from './stories.ts';

export type Snapshot = {
  jobs: JobRecord[];
  /** Job ids by the digest of their Idempotency-Key. */
  claims: ReadonlyMap<string, string>;
  /** SHA-256 of everything under the published names, by job id and name. */
  published: ReadonlyMap<string, string>;
  slotsHeld: number;
  messages: number;
  jobFolders: string[];
  temporaries: string[];
  tasks: string[];
};

export async function snapshotOf(folder: string): Promise<Snapshot> {
  const database = new DatabaseSync(join(folder, 'platform.db'), { readOnly: true });
  const all = (sql: string) => database.prepare(sql).all();
  const jobs = all('SELECT record FROM jobs').map(({ record }) => jobRecordSchema.parse(JSON.parse(String(record))));
  const claims = all('SELECT key_digest, job_id FROM idempotency');
  const slotsHeld = all('SELECT 1 FROM pool_holders').length;
  const messages = all('SELECT 1 FROM queue_messages').length;
  database.close();
  const published = new Map<string, string>();
  for (const job of jobs) {
    for (const { name } of job.result?.manifest ?? []) {
      const bytes = await orNull(readFile(join(folder, publishedKey(job.jobId, name))));
      if (bytes !== null) published.set(`${job.jobId} ${name}`, sha256Of(bytes));
    }
  }
  return {
    jobs,
    claims: new Map(claims.map((row) => [String(row['key_digest']), String(row['job_id'])])),
    published,
    slotsHeld,
    messages,
    jobFolders: await namesIn(join(folder, 'jobs')),
    temporaries: await namesIn(join(folder, '.tmp')),
    tasks: await namesIn(join(folder, 'work')),
  };
}

/** What is over stays as it is: outcome, result, and every published byte that was there. */
export function changedEnds(before: Snapshot, after: Snapshot, nowMs: number): string[] {
  const broken: string[] = [];
  const endOf = ({ phase, result, error, endedAtMs, endedVersion }: JobRecord) =>
    JSON.stringify([phase, result, error, endedAtMs, endedVersion]);
  for (const job of before.jobs.filter(({ phase }) => isTerminal(phase))) {
    const later = after.jobs.find(({ jobId }) => jobId === job.jobId);
    if (later === undefined || endOf(later) !== endOf(job)) broken.push('the end of a job changed');
    if (later?.deletion !== null || isPast(later, 'result', nowMs)) continue;
    for (const [name, sha256] of before.published) {
      if (name.startsWith(job.jobId) && after.published.get(name) !== sha256) broken.push('a published result changed');
    }
  }
  return broken;
}

/** What a record must not say before it is true, also while its process lies dead or stalls. */
export async function untrueWords(
  folder: string,
  { jobs, published, jobFolders }: Snapshot,
  nowMs: number,
): Promise<string[]> {
  const untrue: string[] = [];
  for (const job of jobs) {
    const { jobId, result, deletion } = job;
    if (deletion !== null) {
      if (deletion.erasedAtMs !== null && jobFolders.includes(jobId))
        untrue.push('erased, says a record, and files are there');
      continue;
    }
    if ((await expiredFiles(folder, job)).length > 0) untrue.push('expired, says a record, and files are there');
    const inputs = await Promise.all([inputKey(jobId), jobFileKey(jobId)].map((key) => isThere(join(folder, key))));
    if (inputs.includes(false) && !isPast(job, 'input', nowMs))
      untrue.push('accepted, says a record, and the input is not there');
    for (const { name, key, sha256 } of isPast(job, 'result', nowMs) ? [] : (result?.manifest ?? [])) {
      const stored = await orNull(readFile(join(folder, key)));
      if (stored === null || sha256Of(stored) !== sha256)
        untrue.push(`published, says a record, and ${name} is not there`);
      if (!projectionDue(job) && published.get(`${jobId} ${name}`) !== sha256) {
        untrue.push(`shown, says a record, and ${name} is not`);
      }
    }
  }
  return untrue;
}

/** Everything that is promised of a platform at rest; each broken promise in a sentence. */
export async function brokenPromises(
  folder: string,
  given: { outcomes: Readonly<Record<string, Outcome>>; maskSha256: string },
): Promise<string[]> {
  const seen = await snapshotOf(folder);
  const broken: string[] = [];
  const promise = (isKept: boolean, sentence: string) => {
    if (!isKept) broken.push(sentence);
  };
  const keys = Object.keys(given.outcomes);
  promise(seen.jobs.length === keys.length, `${seen.jobs.length} jobs instead of ${keys.length}: one per key`);
  for (const [key, outcome] of Object.entries(given.outcomes)) {
    const job = seen.jobs.find(({ jobId }) => jobId === seen.claims.get(sha256Of(key)));
    if (job === undefined) broken.push('an accepted job is lost');
    else broken.push(...(await brokenByJob(folder, job, { outcome, seen, maskSha256: given.maskSha256 })));
  }
  const kept = seen.jobs.filter(({ deletion }) => deletion === null).map(({ jobId }) => jobId);
  const strange = seen.jobFolders.filter((name) => !kept.some((jobId) => jobId === name));
  promise(strange.length === 0, 'files of a job that was deleted, or of none, are left');
  promise(seen.slotsHeld === 0, 'a slot is held');
  promise(seen.messages === 0, 'a wake-up is left in the queue');
  promise(seen.temporaries.length === 0, 'a temporary file is left');
  promise(seen.tasks.length === 0, 'a task is left');
  return broken;
}

async function brokenByJob(
  folder: string,
  job: JobRecord,
  { outcome, seen, maskSha256 }: { outcome: Outcome; seen: Snapshot; maskSha256: string },
): Promise<string[]> {
  const broken: string[] = [];
  const promise = (isKept: boolean, sentence: string) => {
    if (!isKept) broken.push(sentence);
  };
  promise(!isActive(job), 'a job waits for something for ever');
  const published = job.endedAttempts.filter(({ code }) => code === null);
  promise(published.length === (job.phase === 'completed' ? 1 : 0), 'not exactly the one attempt was published');
  if (outcome === 'deleted') {
    promise(isTerminal(job.phase) && job.deletion !== null && job.deletion.doneAtMs !== null, 'a deletion is not done');
    return broken;
  }
  if (outcome === 'expired') {
    promise(job.phase === 'completed' && job.expired.length === FILE_CLASSES.length, 'what is due is not removed');
    promise((await expiredFiles(folder, job)).length === 0, 'files are left of what is past its time');
    return broken;
  }
  const ended = job.phase === 'completed' ? 'completed' : (job.error?.code ?? job.phase);
  promise(ended === outcome, `a job ended as ${ended} instead of ${outcome}`);
  promise((await textOf(join(folder, jobPrefix(job.jobId), 'status.txt'))) === `${statusOf(job)}\n`, 'status.txt lies');
  if (outcome !== 'completed') {
    promise(!(await isThere(join(folder, jobPrefix(job.jobId), 'output'))), 'a failed job shows a result');
    return broken;
  }
  const manifest = job.result?.manifest ?? [];
  promise(manifest.length === 4, 'a result is incomplete');
  for (const entry of manifest) broken.push(...(await brokenArtifact(folder, job, { entry, seen, maskSha256 })));
  return broken;
}

async function brokenArtifact(
  folder: string,
  job: JobRecord,
  { entry, seen, maskSha256 }: { entry: ManifestEntry; seen: Snapshot; maskSha256: string },
): Promise<string[]> {
  const { name, key, sha256, bytes } = entry;
  const stored = await orNull(readFile(join(folder, key)));
  if (stored === null || stored.length !== bytes || sha256Of(stored) !== sha256)
    return [`${name} is not what was stored`];
  if (seen.published.get(`${job.jobId} ${name}`) !== sha256) return [`${name} is not shown as it was published`];
  if (name === 'pred_mask.npz' && sha256 !== maskSha256) return ['the mask is not the oracle’s'];
  if (name !== 'metadata.json') return [];
  const metadata = metadataSchema.parse(JSON.parse(stored.toString('utf8')));
  const isOwn = metadata.job_id === job.jobId && metadata.attempt === job.result?.epoch;
  return isOwn ? [] : ['metadata.json is of another attempt'];
}

/** Whether this may be gone: readers do not show it any more. */
function isPast(job: JobRecord, kept: RetentionClass, nowMs: number): boolean {
  return isExpired(job, kept, { nowMs, deployment: DEFAULT_RETENTION });
}

/** Files of the classes that a record calls removed. */
async function expiredFiles(folder: string, { jobId, expired }: JobRecord): Promise<string[]> {
  const names = (await orNull(readdir(join(folder, jobPrefix(jobId)), { recursive: true }))) ?? [];
  const keys = names.filter((name) => /\.\w+$/.test(name)).map((name) => `${jobPrefix(jobId)}${name}`);
  return keys.filter((key) => {
    const kind = objectKind(key);
    return kind !== null && expired.includes(CLASS_OF_KIND[kind]);
  });
}

async function namesIn(folder: string): Promise<string[]> {
  return (await orNull(readdir(folder))) ?? [];
}

async function textOf(path: string): Promise<string | null> {
  return orNull(readFile(path, 'utf8'));
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

export function sha256Of(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
