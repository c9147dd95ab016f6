import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Carrier } from './carriers.ts';
import { canaries } from './carriers.ts';

/** A carrier's name at a place: `file:logs/api.log`, `name:…` of a path, `column:jobs.record.externalJobId`. */
export type Finding = { place: string; carrier: Carrier | 'unknown' };

export function findingsIn(place: string, content: Uint8Array | string): Finding[] {
  return canaries.carriersIn(content).map((carrier) => ({ place, carrier }));
}

const UUID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';

const inWork = (kind: string, rest: string) => new RegExp(`^${kind}:work/${UUID}-\\d+/${rest}`);

/**
 * The places where a name is meant to be, each with the one carrier that it may have come by. `passing`: there only for
 * as long as an attempt's files are kept.
 */
export const INTENDED: readonly { place: RegExp; carrier: Carrier; passing?: true }[] = [
  // What the job is about: the model and its client's viewer need it.
  { place: new RegExp(`^file:jobs/${UUID}/input/input\\.npz$`), carrier: 'prompt' },
  { place: new RegExp(`^file:jobs/${UUID}/input/job\\.json$`), carrier: 'prompt' },
  { place: new RegExp(`^file:jobs/${UUID}/metadata\\.json$`), carrier: 'prompt' },
  { place: new RegExp(`^file:jobs/${UUID}/attempts/\\d+/output/metadata\\.json$`), carrier: 'prompt' },
  // For its owner only; see LogsController.
  { place: new RegExp(`^file:jobs/${UUID}/attempts/\\d+/logs\\.txt$`), carrier: 'prompt' },
  // The client's own name for the job, which it finds it by.
  { place: /^column:jobs\.external_job_id$/, carrier: 'external_job_id' },
  { place: /^column:jobs\.record\.externalJobId$/, carrier: 'external_job_id' },
  { place: /^file:platform\.db(-wal)?$/, carrier: 'external_job_id' },
  // An attempt's own folder: what its container saw and wrote, and what was made of that. Kept for a quarter of an hour.
  { place: inWork('(file|name)', '(inputs|outputs)/'), carrier: 'prompt', passing: true },
  { place: inWork('file', '(logs\\.txt|artifacts/metadata\\.json)$'), carrier: 'prompt', passing: true },
];

export function isIntended({ place, carrier }: Finding): boolean {
  return INTENDED.some((intended) => intended.carrier === carrier && intended.place.test(place));
}

/** Every path and every file of a folder, whatever it is. */
export async function scanFolder(folder: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const place = relative(folder, path);
    findings.push(...findingsIn(`name:${place}`, place));
    if (entry.isFile()) findings.push(...findingsIn(`file:${place}`, await readFile(path).catch(unlessGone)));
  }
  return findings;
}

/** The platform goes on: what is being written has another name a moment later. */
function unlessGone(error: NodeJS.ErrnoException): Buffer {
  if (error.code !== 'ENOENT') throw error;
  return Buffer.alloc(0);
}

/** Every column of every row; of a record, which is JSON, every value by its path. */
export function scanDatabase(path: string): Finding[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return tables.flatMap(({ name: table }) =>
      database
        .prepare(`SELECT * FROM "${String(table)}"`)
        .all()
        .flatMap((row) =>
          Object.entries(row).flatMap(([column, value]) => ofValue(`${String(table)}.${column}`, value)),
        ),
    );
  } finally {
    database.close();
  }
}

function ofValue(place: string, value: unknown): Finding[] {
  if (typeof value === 'string' && value.startsWith('{')) return ofJson(place, JSON.parse(value));
  return value instanceof Uint8Array || typeof value === 'string' ? findingsIn(`column:${place}`, value) : [];
}

function ofJson(place: string, value: unknown): Finding[] {
  if (typeof value !== 'object' || value === null) return findingsIn(`column:${place}`, String(value));
  return Object.entries(value).flatMap(([key, inner]) => [
    ...findingsIn(`column:${place} (a key)`, key),
    ...ofJson(`${place}.${key}`, inner),
  ]);
}

/** What the system shows of every process that has to do with the folder: its arguments and its environment. */
export async function scanProcesses(folder: string): Promise<{ findings: Finding[]; seen: number }> {
  const findings: Finding[] = [];
  let seen = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const shown = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(join('/proc', pid, file), 'latin1').catch(() => '')), // it may have ended
    );
    if (Number(pid) === process.pid || !shown.some((text) => text.includes(folder))) continue;
    seen += 1;
    findings.push(...findingsIn('process', shown.join('\0')));
  }
  return { findings, seen };
}

/** Files that a crash leaves behind, by the names that Node and Linux give them. */
export async function dumpsIn(folder: string, sinceMs: number): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) =>
    /^core(\.|$)|\.(heapsnapshot|heapprofile)$|^report\..*json$/.test(name),
  );
  const times = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).mtimeMs));
  return names.filter((_, index) => (times[index] ?? 0) >= sinceMs);
}
