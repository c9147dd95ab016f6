/** What a platform still has once nobody wants anything of it, at that hour and some hours later. */
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { FsObjectStore, SqliteJobQueue, SqliteJobStore } from '@bpi/adapters-local';
import { jobPrefix, LOG_EVENTS, type JobRecord } from '@bpi/job-contract';
import {
  LOCAL_POLICY,
  removeForgottenInputs,
  removeForgottenTasks,
  sweep,
  systemClock,
  type AdvanceContext,
  type TaskRunner,
} from '@bpi/jobs';
import { until } from '../harness.ts';
import type { Usage } from './fleet.ts';
import type { Remains } from './invariants.ts';
import { API, type PlatformUnderFire } from './platform-under-fire.ts';

const hour = 60 * 60 * 1_000;
/** Longer than anything is kept: tasks a quarter of an hour, temporary files and inputs without a job one hour. */
const LATER_MS = 2 * hour;
/** One removes tasks, the next what may go once they are gone. */
const LATE_SWEEPS = 3;
const SWEPT_WITHIN_MS = 30_000;
const LOGGED_END = /"event":"job\.phase","jobId":"([0-9a-f-]{36})".*"to":"(?:completed|failed)"/;
/** Events that say that something of ours failed as a whole. */
const ALARMS: readonly string[] = ['service.failed', 'job.unknown', 'record.unreadable'];

/** Files of the folders where requests and writers leave what only they know. */
export async function scratchFiles({ dataDir }: PlatformUnderFire): Promise<string[]> {
  const folders = await Promise.all(
    ['scratch', '.tmp'].map(async (folder) =>
      (await namesIn(join(dataDir, folder))).map((name) => `${folder}/${name}`),
    ),
  );
  return folders.flat();
}

/** What requests of killed APIs left goes when an API starts an hour later: ages the files, and starts it. */
export async function ageScratch(platform: PlatformUnderFire): Promise<void> {
  const folder = join(platform.dataDir, 'scratch');
  const longAgo = new Date(Date.now() - LATER_MS);
  for (const name of await namesIn(folder)) await utimes(join(folder, name), longAgo, longAgo);
  await platform.fleet.kill(API);
  await platform.ready();
  await until(
    () => namesIn(folder),
    (names) => names.length === 0,
    SWEPT_WITHIN_MS,
  ).catch(() => undefined); // the invariants name what is left
}

/** The platform's own cleaning, by a clock that is some hours ahead. No other process of the platform may run. */
export async function cleanLater(platform: PlatformUnderFire, runner: TaskRunner): Promise<void> {
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + LATER_MS };
  const objects = new FsObjectStore(platform.dataDir);
  const context: AdvanceContext = {
    store: new SqliteJobStore(platform.database, { pools: {}, dataRoot: platform.dataDir, onUnreadable: () => {} }),
    queue: new SqliteJobQueue(platform.database, clock),
    policy: LOCAL_POLICY,
    log: () => {},
    runner,
    objects,
    clock,
  };
  for (let round = 0; round < LATE_SWEEPS; round += 1) {
    await sweep(context, { after: null, signal: new AbortController().signal });
  }
  for await (const _round of removeForgottenInputs(context)); // to its end
  await removeForgottenTasks(context);
  await objects.sweepTemp(clock.nowMs());
}

/** Folders of deleted jobs, and of jobs that no record names. */
export async function deletedFiles(platform: PlatformUnderFire, records: readonly JobRecord[]): Promise<string[]> {
  const kept = new Set(records.filter(({ deletion }) => deletion === null).map(({ jobId }) => jobPrefix(jobId)));
  const folders = await namesIn(join(platform.dataDir, 'jobs'));
  return folders.map((name) => `jobs/${name}/`).filter((folder) => !kept.has(folder));
}

/** Lines that no process of ours writes while all is well, by the words of the log's own list. */
export function complaintsIn(name: string, log: string): string[] {
  return log.split('\n').flatMap((line) => {
    if (line === '') return [];
    const event = eventOf(line);
    if (event === null || !Object.hasOwn(LOG_EVENTS, event)) return [`${name} wrote: ${line.slice(0, 300)}`];
    return ALARMS.includes(event) ? [`${name} logged: ${line.slice(0, 600)}`] : [];
  });
}

export function loggedEndsIn(log: string): string[] {
  return log.split('\n').flatMap((line) => LOGGED_END.exec(line)?.[1] ?? []);
}

/** As it stands, and as it would stand in something that was encoded on the way. */
export function leaksIn(name: string, text: string, canary: string): string[] {
  const middle = Buffer.from(canary).subarray(0, 18).toString('base64');
  const shapes = [canary, canary.toLowerCase(), Buffer.from(canary).toString('hex'), middle];
  return shapes.some((shape) => text.includes(shape)) ? [`${name} holds what a client sent`] : [];
}

/**
 * Summed over the processes of one program: which of the workers gets a job is chance, and one that had little to do
 * before the first look grows to the size of the others.
 */
export function usageBetween(before: readonly (Usage & { name: string })[], after: typeof before): Remains['usage'] {
  const programOf = (name: string) => name.replace(/-\d+$/, '');
  const restarted = after.find(({ name, pid }) => before.find((usage) => usage.name === name)?.pid !== pid);
  if (restarted !== undefined) throw new Error(`${restarted.name} was started again between the two measurements`);
  return [...new Set(after.map(({ name }) => programOf(name)))].map((program) => {
    const [earlier, later] = [before, after].map((usages) => usages.filter(({ name }) => programOf(name) === program));
    const sum = (usages: typeof before, of: 'fds' | 'rssMiB') => usages.reduce((total, usage) => total + usage[of], 0);
    const both = (of: 'fds' | 'rssMiB') => [sum(earlier ?? [], of), sum(later ?? [], of)] as const;
    return { name: program, fds: both('fds'), rssMiB: both('rssMiB') };
  });
}

export async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

function eventOf(line: string): string | null {
  try {
    const { event } = JSON.parse(line) as { event?: unknown };
    return typeof event === 'string' ? event : null;
  } catch {
    return null;
  }
}
