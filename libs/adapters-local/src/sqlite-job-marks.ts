import { jobIdSchema, progressSchema, type JobId } from '@bpi/job-contract';
import { markOfVersion } from '@bpi/jobs';
import type { PlatformDatabase } from './platform-database.ts';

/** Moves when another connection commits. */
const OTHERS_VERSION = 'PRAGMA data_version';
/** Counts what this connection wrote. */
const OWN_CHANGES = 'SELECT total_changes() AS changes';
/** Exported for the test that counts it. */
export const FIND_MARKS = `
  SELECT job_id, version, progress_epoch = epoch AS has_progress, progress_fraction, progress_step, progress_at_ms
  FROM jobs WHERE job_id IN (SELECT value FROM json_each(?))`;

/** Reads the marks of jobs, and the last ones again from memory as long as nobody wrote anything: that costs no query. */
export class SqliteJobMarks {
  readonly #database: Pick<PlatformDatabase, 'sql'>;
  /** What the newest query found, by the ids that it asked for: null = not stored. */
  #found: { stamp: string; marks: ReadonlyMap<JobId, string | null> } = { stamp: '', marks: new Map() };

  constructor(database: Pick<PlatformDatabase, 'sql'>) {
    this.#database = database;
  }

  /** One reading step: call it within `PlatformDatabase.read`. */
  read(jobIds: readonly JobId[]): ReadonlyMap<JobId, string> {
    // Taken before the query: what is written in between is found by the next call.
    const stamp = this.#stamp();
    const isKnown = stamp === this.#found.stamp && jobIds.every((jobId) => this.#found.marks.has(jobId));
    if (!isKnown) this.#found = { stamp, marks: this.#query(jobIds) };
    const marks = jobIds.map((jobId) => [jobId, this.#found.marks.get(jobId) ?? null] as const);
    return new Map(marks.flatMap(([jobId, mark]) => (mark === null ? [] : [[jobId, mark]])));
  }

  #stamp(): string {
    const others = this.#database.sql(OTHERS_VERSION).get()?.['data_version'];
    const own = this.#database.sql(OWN_CHANGES).get()?.['changes'];
    return `${String(others)}/${String(own)}`;
  }

  #query(jobIds: readonly JobId[]): ReadonlyMap<JobId, string | null> {
    const marks = new Map<JobId, string | null>(jobIds.map((jobId) => [jobId, null]));
    for (const row of this.#database.sql(FIND_MARKS).all(JSON.stringify(jobIds))) {
      marks.set(jobIdSchema.parse(row['job_id']), markOfRow(row));
    }
    return marks;
  }
}

function markOfRow(row: Record<string, unknown>): string {
  const version = Number(row['version']);
  if (row['has_progress'] !== 1) return markOfVersion(version, null);
  const progress = { fraction: row['progress_fraction'], step: row['progress_step'], atMs: row['progress_at_ms'] };
  return markOfVersion(version, progressSchema.parse(progress));
}
