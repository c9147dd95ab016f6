/**
 * One machine's platform with real containers, under every fault at once. Read `campaign.ts` for a run's course,
 * `faults.ts` for what goes wrong, `invariants.ts` for what must hold. `BPI_TEST_SEED=n` repeats a plan.
 */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DockerTaskRunner, FsObjectStore, platformLabelOf } from '@bpi/adapters-local';
import { ARTIFACT_NAMES, LIMITS, type JobRecord } from '@bpi/job-contract';
import { Catalogue, LOCAL_POLICY, systemClock } from '@bpi/jobs';
import { Client } from '@bpi/tools';
import Dockerode from 'dockerode';
import { randomOf } from '../fault-proxy.ts';
import { ownContainers, repoRoot, required } from '../harness.ts';
import { Campaign, pickOf, type TaskHands, type TaskRemains } from './campaign.ts';
import { planFaults, type FaultCounts } from './faults.ts';
import type { Order } from './history.ts';
import { violationsOf, type Evidence } from './invariants.ts';
import { orderKind, planOrders } from './orders.ts';
import { OwnEngine } from './own-engine.ts';
import { INPUTS, PlatformUnderFire } from './platform-under-fire.ts';
import { namesIn, scratchFiles } from './remains.ts';

const run = promisify(execFile);
const seed = Number(process.env['BPI_TEST_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const scale = process.env['BPI_TEST_LONG'] === '1' ? 3 : 1;

const IMAGE = 'bpi/echo-model:1.0.0';
const CANARY = 'Wilhelmina-Thistlewood-19380921';
const WORKERS = 4;
const SLOTS = 6;
const OPEN_JOBS = { underFire: 16, calm: 4 } as const;
/** Longer than every time-out that a stopped process could run into: a message's visibility, 30 s, is the longest. */
const FROZEN_MS = 31_000;
const JOBS = 240 * scale;
/** Served before and between the two measurements, by processes of which none dies any more. */
const CALM_JOBS = 30;
const FAULTS: FaultCounts = {
  kill_api: 35 * scale,
  kill_worker: 65 * scale,
  freeze_api: 2 * scale,
  freeze_worker: 18 * scale,
  kill_container: 20 * scale,
  restarts: ['SIGTERM', 'SIGKILL', 'SIGTERM'],
  freezeLanes: WORKERS - 1, // one is always awake
};
const ATTEMPTS_MAX = 1 + LOCAL_POLICY.retriesMax.platform + LOCAL_POLICY.retriesMax.interrupted + 1;
const MINUTES_MAX = 30 * scale;

const USUAL = orderKind({ behaviour: 'mask' });
const SLOW = orderKind({ behaviour: 'slow', seconds: 1 });
const UNUSUAL = [
  { kind: orderKind({ behaviour: 'eat_memory' }, 'out_of_memory'), count: 5 * scale },
  { kind: orderKind({ behaviour: 'oom_unless_small' }), count: 5 * scale },
  { kind: SLOW, count: 50 * scale },
  { kind: orderKind({ behaviour: 'leak' }), count: 15 * scale },
  { kind: orderKind({ behaviour: 'exit', exit_code: 1 }, 'model_error'), count: 8 * scale },
  { kind: orderKind({ behaviour: 'exit', exit_code: 10 }, 'invalid_input'), count: 8 * scale },
] as const;

describe(`one machine under fire, with containers (BPI_TEST_SEED=${seed})`, () => {
  let engine: OwnEngine;
  let platform: PlatformUnderFire;
  let campaign: Campaign;
  let outcome: 'held' | 'broken' = 'broken';
  beforeAll(async () => {
    const shared = new Dockerode({ socketPath: required('BPI_TEST_DOCKER_SOCKET') });
    engine = await OwnEngine.start({ from: shared, names: [IMAGE] });
    platform = await PlatformUnderFire.start({
      workers: WORKERS,
      slots: SLOTS,
      canary: CANARY,
      parent: tmpdir(),
      attemptTimeoutS: 120,
      worker: () => ({
        args: [join(repoRoot, 'dist/apps/worker/main.local.js')],
        env: {
          DOCKER_SOCKET: engine.socketPath,
          STAGER_ENTRY: join(repoRoot, 'dist/apps/stager/main.local.js'),
          SWEEP_INTERVAL_MS: '2000',
          OUTPUT_BYTES_MAX: String(16 * 2 ** 20),
        },
      }),
    });
  }, 120_000);
  afterAll(async () => {
    campaign?.close();
    await platform?.close(outcome === 'held' ? 'removed' : 'kept');
    await engine?.close();
  }, 60_000);

  /** No job's container twice: its budget of unexplained ends is for all that happens to it. */
  function taskHands(): TaskHands {
    const killed = new Set<string>();
    return {
      kill_container: async ({ pick }) => {
        const running = await engine.docker.listContainers().catch(() => []);
        const jobOf = ({ Labels }: Dockerode.ContainerInfo) => Labels['bpi.job'] ?? '';
        const target = pickOf(
          running.filter((container) => !killed.has(jobOf(container))),
          pick,
        );
        if (target === undefined) return 'nobody';
        const container = engine.docker.getContainer(target.Id);
        const done = await container.kill().then(
          () => true,
          () => false,
        );
        if (done) killed.add(jobOf(target));
        return done ? 'done' : 'nobody';
      },
      restart_engine: async ({ how }) => {
        await engine.restart(how);
        return 'done';
      },
    };
  }

  /** Checked by NumPy, for one completed job of each input. */
  async function maskByInput(answers: Evidence['answers'], orders: readonly Order[]): Promise<Map<string, string>> {
    const client = new Client(platform.url, null);
    const masks = new Map<string, string>();
    const keyOf = new Map(answers.map(({ jobId, key }) => [jobId, key]));
    for (const { jobId, phase, deletion } of await platform.records()) {
      const order = orders.find(({ key }) => key === keyOf.get(jobId));
      if (order === undefined || phase !== 'completed' || deletion !== null || masks.has(order.input)) continue;
      const result = await client.result(jobId);
      const folder = join(platform.dataDir, `download-${jobId}`);
      await client.download(result, folder);
      const script = join(repoRoot, 'apps/e2e/src/python/check_mask.py');
      await run(required('BPI_TEST_PYTHON'), [script, platform.inputPath(order.input), join(folder, 'pred_mask.npz')]);
      masks.set(order.input, result.artifacts.find(({ name }) => name === 'pred_mask.npz')?.sha256 ?? '');
    }
    return masks;
  }

  function runner(): DockerTaskRunner {
    return new DockerTaskRunner({
      docker: engine.docker,
      objects: new FsObjectStore(platform.dataDir),
      catalogue: new Catalogue([]),
      workRoot: join(platform.dataDir, 'work'),
      stager: { command: [process.execPath] },
      stagerStdio: 'ignore',
      clock: systemClock,
      log: () => {},
      settings: {
        platform: platformLabelOf(platform.dataDir),
        outputBytesMax: LIMITS.outputBytesMax,
        logBytesMax: LIMITS.modelLogBytesMax,
        pollIntervalMs: 1_000,
        stopGraceMs: 2_000,
        containerUser: { uid: 65_532, gid: 65_532 },
      },
    });
  }

  /** A stopped container and its folder may be there as long as a record knows that they are to go. */
  async function taskRemains(): Promise<TaskRemains> {
    const records = await platform.records();
    const known = new Set(
      records.flatMap(({ jobId, leftovers }) => leftovers.map(({ epoch }) => `bpi-${jobId}-${epoch}`)),
    );
    const containers = await ownContainers(engine.docker, platform.dataDir);
    const names = containers.flatMap(({ Names }) => Names.map((name) => name.replace(/^\//, '')));
    const folders = (await namesIn(join(platform.dataDir, 'work'))).map((name) => `bpi-${name}`);
    return {
      runningContainers: containers.filter(({ State }) => State === 'running').flatMap(({ Names }) => Names),
      strayTasks: [...new Set([...names, ...folders])].filter((name) => !known.has(name)),
    };
  }

  it(
    'loses nothing, shows nothing wrong, and leaves nothing',
    async () => {
      const startedMs = performance.now();
      const random = randomOf(seed);
      campaign = new Campaign({
        ...{ platform, canary: CANARY, taskHands: taskHands() },
        ...{ artifacts: ARTIFACT_NAMES, openJobs: OPEN_JOBS, pollMs: 200, frozenMs: FROZEN_MS },
      });
      const mix = { inputs: INPUTS, usual: USUAL };
      const calm = () => planOrders({ ...mix, count: CALM_JOBS, kinds: [{ kind: SLOW, count: 4 }] }, random);
      const orders = planOrders({ ...mix, count: JOBS, kinds: UNUSUAL }, random);
      const faults = await campaign.fire(orders, planFaults(FAULTS, random));
      const fireSeconds = secondsSince(startedMs);
      const calmOrders: [Order[], Order[]] = [calm(), calm()];
      const usage = await campaign.measure(orders, calmOrders);
      const calmSeconds = secondsSince(startedMs) - fireSeconds;
      const all = [...orders, ...calmOrders.flat()];
      const { answers } = campaign.history;
      const masks = await maskByInput(answers, all);
      const scratch = (await scratchFiles(platform)).length;
      const records: JobRecord[] = await platform.records();
      const remains = { usage, ...(await campaign.end(runner, taskRemains)) };
      const attempts = records.reduce((sum, { attempt }) => sum + (attempt?.epoch ?? 0), 0);
      const times = { seconds: secondsSince(startedMs), fireSeconds, calmSeconds };
      const figures = { seed, jobs: all.length, ...times, faults, attempts, ...campaign.figures(), scratch, usage };
      process.stdout.write(`${JSON.stringify(figures)}\n`);

      const expectedMask = ({ input }: Order) => masks.get(input);
      const evidence = { orders: all, answers, records, remains, expectedMask, attemptsMax: ATTEMPTS_MAX };
      expect(violationsOf(evidence)).toEqual([]);
      const { restarts, freezeLanes: _, ...counts } = FAULTS;
      expect(faults).toEqual({ ...counts, restart_engine: restarts.length });
      outcome = 'held';
    },
    MINUTES_MAX * 60_000,
  );
});

function secondsSince(fromMs: number): number {
  return Math.round((performance.now() - fromMs) / 1_000);
}
