import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { holdsSlot, type JobRecord } from '@bpi/job-contract';
import { seededRandom } from '../testing/faulty-middleware.ts';
import { DynamoJobStore } from './dynamo-job-store.ts';
import { poolKey } from './job-table.ts';
import { makeEmulatedTable, type EmulatedTable } from './testing/emulated-table.ts';
import { makeOracle, RandomLoad, type Save } from './testing/random-load.ts';

const STORES = 4;
const OPERATIONS_EACH = 125;
const JOBS = 6;
const POOLS = { cpu: 2, gpu: 1 };
const FAULTS = { share: 0.1, outageShare: 0.1, outageTries: 10 };
/** Repeats what is asked and what fails, as far as the four stores interleave as they did. */
const seed = Number(process.env['BPI_TEST_SEED'] ?? Date.now() % 2 ** 31);
process.stdout.write(`random saves: BPI_TEST_SEED=${seed}\n`);

describe(`${STORES * OPERATIONS_EACH} random operations of ${STORES} stores with faults (seed ${seed})`, () => {
  const random = seededRandom(seed);
  const oracle = makeOracle(FAULTS);
  const load = new RandomLoad(random, { jobs: JOBS, pools: Object.keys(POOLS) });
  const jobs: JobRecord[] = [];
  /** The most slots ever seen held at once, by pool. */
  const heldMost: Record<string, number> = {};
  const holders: Record<string, string[]> = {};
  let table: EmulatedTable;

  beforeAll(async () => {
    table = await makeEmulatedTable(process.env['BPI_TEST_AWS_ENDPOINT']);
    const options = { tableName: table.tableName, pools: POOLS, pause: async () => {} };
    const operate = async () => {
      const scripted = table.connect();
      scripted.follow(oracle.watch(random));
      const store = new DynamoJobStore(scripted.client, options);
      for (let n = 0; n < OPERATIONS_EACH; n += 1) {
        await load.operate(store);
        await lookAtPools();
      }
    };
    await Promise.all(Array.from({ length: STORES }, operate));
    const plain = new DynamoJobStore(table.connect(3).client, options);
    for (const jobId of load.created) {
      const stored = await plain.get(jobId);
      if (stored !== null) jobs.push(stored.job);
    }
  });
  afterAll(async () => {
    await table.close();
  });

  async function lookAtPools(): Promise<void> {
    for (const pool of Object.keys(POOLS)) {
      const held = (await table.item(poolKey(pool)))?.['holders']?.SS ?? [];
      holders[pool] = [...held].sort();
      heldMost[pool] = Math.max(heldMost[pool] ?? 0, held.length);
    }
  }

  const isSaved = ({ change: { after } }: Save) =>
    oracle.savedRecords.get(after.jobId)?.has(JSON.stringify(after)) ?? false;
  const answered = (answer: Save['answer']) => load.saves.filter((save) => save.answer === answer);

  it('came to every answer, and met faults', () => {
    for (const answer of ['saved', 'stale', 'full'] as const) expect(answered(answer)).not.toHaveLength(0);
    expect(oracle.faults).toBeGreaterThan(20);
  });

  it('saved what it says it saved, and nothing of a full pool', () => {
    expect(answered('saved').filter((save) => !isSaved(save))).toEqual([]);
    expect(answered('full').filter(isSaved)).toEqual([]);
  });

  it('answered stale to a change that was saved only if a rival had saved over it', () => {
    const versions = new Map(jobs.map(({ jobId, version }) => [jobId, version]));
    for (const { change } of answered('stale').filter(isSaved)) {
      expect(versions.get(change.after.jobId)).toBeGreaterThan(change.after.version);
    }
  });

  it('left every job at the version of its saves, and with the record of one of them', () => {
    for (const job of jobs) {
      const records = oracle.savedRecords.get(job.jobId) ?? new Set();
      expect(job.version).toBe(1 + records.size);
      if (job.version > 1) expect(records.has(JSON.stringify(job))).toBe(true);
    }
    const proved = load.saves.filter((save) => save.answer !== 'saved' && isSaved(save)).length;
    const versions = jobs.reduce((sum, { version }) => sum + version - 1, 0);
    expect(versions).toBe(answered('saved').length + proved);
  });

  it('never gave out more slots than there are, and left them with the jobs that hold one', async () => {
    await lookAtPools();
    for (const [pool, slots] of Object.entries(POOLS)) {
      expect(heldMost[pool]).toBeLessThanOrEqual(slots);
      const holding = jobs.filter(({ phase, attempt }) => holdsSlot(phase) && attempt?.pool === pool);
      expect(holders[pool]).toEqual(holding.map(({ jobId }) => jobId).sort());
    }
  });
});
