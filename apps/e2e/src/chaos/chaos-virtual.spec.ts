/**
 * The same platform with tasks that are rows of its database: no containers, so thousands of jobs and kills have time.
 * `BPI_TEST_SEED=n` repeats a plan.
 */
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FsObjectStore } from '@bpi/adapters-local';
import { systemClock, type TaskRunner } from '@bpi/jobs';
import { buildPrograms } from '@bpi/tools';
import { randomOf } from '../fault-proxy.ts';
import { repoRoot } from '../harness.ts';
import { KINDS, kindOfJob } from '../job-mix.ts';
import { Campaign, type TaskRemains } from './campaign.ts';
import { planFaults, type FaultCounts } from './faults.ts';
import type { Order } from './history.ts';
import { violationsOf, type Evidence } from './invariants.ts';
import { orderKind, planOrders } from './orders.ts';
import { INPUTS, PlatformUnderFire } from './platform-under-fire.ts';
import { scratchFiles } from './remains.ts';
import { maskDigestOf, scriptedTasks } from './virtual/scripted-tasks.ts';
import { VIRTUAL_POLICY } from './virtual/virtual-policy.ts';
import { refOf, VirtualTaskRunner } from './virtual/virtual-task-runner.ts';

const seed = Number(process.env['BPI_TEST_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const long = process.env['BPI_TEST_LONG'] === '1';

const CANARY = 'Ignatius-Brambleford-19270114';
const WORKERS = 3;
const SLOTS = 32;
const OPEN_JOBS = { underFire: 64, calm: 24 } as const;
/** With the calm ones 5,000 and 1,000 kills, of which continuous integration has time for two fifths. */
const FIRE = long ? { jobs: 4_600, kill_api: 100, kill_worker: 900 } : { jobs: 1_600, kill_api: 40, kill_worker: 360 };
/** Served before and between the two measurements, by processes of which none dies any more. */
const CALM_JOBS = 200;
const FAULTS: FaultCounts = {
  kill_api: FIRE.kill_api,
  kill_worker: FIRE.kill_worker,
  freeze_api: 0,
  freeze_worker: 0,
  kill_container: 0,
  restarts: [],
  freezeLanes: 0,
};
const ATTEMPTS_MAX = 1 + VIRTUAL_POLICY.retriesMax.platform + 1;
const MINUTES_MAX = long ? 60 : 30;
/** Of Linux; in some containers it is small. */
const MEMORY_FOLDER = '/dev/shm';
const ROOM_BYTES_MIN = 2 * 2 ** 30;

describe(`one machine under fire, with tasks that are rows (BPI_TEST_SEED=${seed})`, () => {
  let platform: PlatformUnderFire;
  let campaign: Campaign;
  let outcome: 'held' | 'broken' = 'broken';
  let programs: string;
  beforeAll(async () => {
    programs = await mkdtemp(join(tmpdir(), 'bpi-chaos-programs-'));
    await buildPrograms(repoRoot, { worker: 'apps/e2e/src/chaos/virtual/main.ts' }, programs);
    platform = await PlatformUnderFire.start({
      workers: WORKERS,
      slots: SLOTS,
      canary: CANARY,
      parent: await quickFolder(),
      attemptTimeoutS: 20,
      worker: (dataDir) => ({
        args: [join(programs, 'worker.js'), '--data', dataDir, '--slots', String(SLOTS)],
        env: {},
      }),
    });
  }, 60_000);
  afterAll(async () => {
    campaign?.close();
    await platform?.close(outcome === 'held' ? 'removed' : 'kept');
    await rm(programs, { recursive: true, force: true });
  }, 60_000);

  const nobody = async () => 'nobody' as const;

  function openRunner(): Promise<VirtualTaskRunner> {
    const onError = (error: unknown) => {
      throw error;
    };
    const tasks = scriptedTasks(new FsObjectStore(platform.dataDir));
    return VirtualTaskRunner.open({ database: platform.database, clock: systemClock, onError, ...tasks });
  }

  async function taskRemains(runner: TaskRunner): Promise<TaskRemains> {
    const records = await platform.records();
    const known = new Set(
      records.flatMap(({ jobId, leftovers }) => leftovers.map(({ epoch }) => refOf({ jobId, epoch }))),
    );
    const tasks = await runner.list();
    return {
      runningContainers: tasks.filter(({ live }) => live).map(({ ref }) => ref),
      strayTasks: tasks.map(({ ref }) => ref).filter((ref) => !known.has(ref)),
    };
  }

  it(
    'loses nothing, shows nothing wrong, and leaves nothing',
    async () => {
      const startedMs = performance.now();
      const random = randomOf(seed);
      campaign = new Campaign({
        ...{ platform, canary: CANARY, taskHands: { kill_container: nobody, restart_engine: nobody } },
        ...{ artifacts: ['pred_mask.npz'], openJobs: OPEN_JOBS, pollMs: 500, frozenMs: 0 },
      });
      const runner = await openRunner();
      const kindAt = (at: number) => {
        const { params, outcome } = KINDS[kindOfJob(at)];
        return { kind: orderKind(params, outcome), count: 1 };
      };
      const mix = { inputs: INPUTS, usual: orderKind(KINDS.quick.params) };
      const kinds = Array.from({ length: FIRE.jobs }, (_, at) => kindAt(at));
      const orders = planOrders({ ...mix, count: FIRE.jobs, kinds }, random);
      const faults = await campaign.fire(orders, planFaults(FAULTS, random));
      const fireSeconds = secondsSince(startedMs);
      const calm = () => planOrders({ ...mix, count: CALM_JOBS, kinds: [] }, random);
      const calmOrders: [Order[], Order[]] = [calm(), calm()];
      const usage = await campaign.measure(orders, calmOrders);
      const calmSeconds = secondsSince(startedMs) - fireSeconds;
      const all = [...orders, ...calmOrders.flat()];
      const scratch = (await scratchFiles(platform)).length;
      const records = await platform.records();
      const remains = {
        usage,
        ...(await campaign.end(
          () => runner,
          () => taskRemains(runner),
        )),
      };
      const attempts = records.reduce((sum, { attempt }) => sum + (attempt?.epoch ?? 0), 0);
      const times = { seconds: secondsSince(startedMs), fireSeconds, calmSeconds };
      const figures = { seed, jobs: all.length, ...times, faults, attempts, ...campaign.figures(), scratch, usage };
      process.stdout.write(`${JSON.stringify(figures)}\n`);

      const expectedMask: Evidence['expectedMask'] = (_: Order, { jobId, result }) =>
        maskDigestOf({ jobId, epoch: result?.epoch ?? 0 });
      const { answers } = campaign.history;
      const evidence = { orders: all, answers, records, remains, expectedMask, attemptsMax: ATTEMPTS_MAX };
      expect(violationsOf(evidence)).toEqual([]);
      expect(faults).toMatchObject({ kill_api: FAULTS.kill_api, kill_worker: FAULTS.kill_worker });
      outcome = 'held';
    },
    MINUTES_MAX * 60_000,
  );
});

/**
 * In memory where there is room: a killed process loses nothing that it wrote, synced or not, so waiting for a disk
 * shows nothing here and keeps every writer of the database waiting.
 */
async function quickFolder(): Promise<string> {
  const room = await statfs(MEMORY_FOLDER).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return room >= ROOM_BYTES_MIN ? MEMORY_FOLDER : tmpdir();
}

function secondsSince(fromMs: number): number {
  return Math.round((performance.now() - fromMs) / 1_000);
}
