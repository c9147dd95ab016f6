import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobIdSchema, type JobId } from '@bpi/job-contract';
import { newJob } from '@bpi/jobs';
import { openPlatformDatabase, type PlatformDatabase } from './platform-database.ts';
import { FIND_MARKS, SqliteJobMarks } from './sqlite-job-marks.ts';
import { SqliteJobStore } from './sqlite-job-store.ts';

const idOf = (n: number): JobId => jobIdSchema.parse(`00000000-0000-4000-8000-00000000000${n}`);
const IDS = [idOf(0), idOf(1), idOf(2)];

let folder: string;
let database: PlatformDatabase;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bpi-marks-'));
  database = openPlatformDatabase(join(folder, 'platform.db'));
});
afterEach(async () => {
  database.close();
  await rm(folder, { recursive: true });
});

async function create(on: PlatformDatabase, jobId: JobId): Promise<void> {
  const store = new SqliteJobStore(on, { pools: {}, dataRoot: folder });
  const job = newJob({
    jobId,
    clientId: 'clinic',
    externalJobId: null,
    model: { name: 'model', version: '1' },
    pool: 'cpu',
    inputSha256: '0'.repeat(64),
    warnings: [],
    nowMs: 1_000,
    startDeadlineMs: 1_000,
    totalDeadlineMs: 1_000,
    attemptTimeoutMs: 1_000,
    canShrink: false,
  });
  await store.create(job, null);
}

describe('the marks in a database', () => {
  it('cost no query as long as nobody writes, and one after anybody wrote', async () => {
    let queries = 0;
    const marks = new SqliteJobMarks({
      sql: (text) => {
        if (text === FIND_MARKS) queries += 1;
        return database.sql(text);
      },
    });
    const sizes = (): number[] => [marks.read(IDS), marks.read(IDS.slice(1))].map((found) => found.size);
    expect([sizes(), queries]).toEqual([[0, 0], 1]);
    await create(database, idOf(0));
    expect([sizes(), queries]).toEqual([[1, 0], 2]);
    expect([sizes(), queries]).toEqual([[1, 0], 2]);
    const other = openPlatformDatabase(join(folder, 'platform.db'));
    await create(other, idOf(1));
    other.close();
    expect([sizes(), queries]).toEqual([[2, 1], 3]);
    expect([sizes(), queries]).toEqual([[2, 1], 3]);
  });

  it('are asked for again where a job is watched that was not', async () => {
    await create(database, idOf(0));
    await create(database, idOf(1));
    const marks = new SqliteJobMarks(database);
    expect(marks.read(IDS.slice(0, 1)).size).toBe(1);
    expect(marks.read(IDS).size).toBe(2);
  });
});
