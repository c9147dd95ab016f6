/** The worker of the local composition: SQLite, the filesystem and a Docker engine. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DockerTaskRunner,
  FsObjectStore,
  openPlatformDatabase,
  platformLabelOf,
  SqliteClients,
  SqliteJobQueue,
  SqliteJobStore,
} from '@bpi/adapters-local';
import { createLog, errorFields, LIMITS, withTaps } from '@bpi/job-contract';
import { type AdvanceContext, assertPolicy, Catalogue, type Clients, LOCAL_POLICY, systemClock } from '@bpi/jobs';
import { readCatalogue } from '@bpi/model-files';
import Dockerode from 'dockerode';
import { parseConfig, type WorkerConfig } from './config.ts';
import { startHealth } from './health.ts';
import { Liveness } from './liveness.ts';
import { systemTimers } from './timers.ts';
import { runWorker, type WorkerSettings } from './worker.ts';
import { WorkerMetrics } from './worker-metrics.ts';

const POOLS = ['cpu', 'gpu'] as const;
/** The uid of model containers when we may choose one; a worker that is not root can only use its own. */
const MODEL_UID = 65_532;

const metrics = new WorkerMetrics();
const log = withTaps(
  createLog((line) => process.stdout.write(`${line}\n`), systemClock.nowMs),
  metrics.taps,
);

async function main(): Promise<void> {
  const config = parseConfig(process.env);
  assertPolicy(LOCAL_POLICY);
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const database = openPlatformDatabase(join(config.dataDir, 'platform.db'));
  const pools = Object.fromEntries(POOLS.map((pool) => [pool, config.localSlots]));
  const store = new SqliteJobStore(database, {
    pools,
    dataRoot: config.dataDir,
    onUnreadable: (jobId) => log('record.unreadable', { jobId }),
  });
  const objects = new FsObjectStore(config.dataDir);
  const docker = new Dockerode({ socketPath: config.dockerSocket });
  const catalogue = new Catalogue(await readCatalogue(config.modelsDirs));
  const runner = makeRunner(config, docker, objects, catalogue);
  const queue = new SqliteJobQueue(database, systemClock);
  const context: AdvanceContext = { store, queue, runner, objects, clock: systemClock, policy: LOCAL_POLICY, log };

  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      log('service.stopping', { service: 'worker', signal: name.toLowerCase() });
      stop.abort();
    });
  }
  const liveness = new Liveness(systemClock, log);
  const ready = async () => {
    await store.room('cpu');
    await docker.ping();
  };
  const isLive = () => liveness.isLive();
  const told = { isLive, ready, metrics: () => metrics.render() };
  const health = config.healthPort === 0 ? null : await startHealth(config.healthPort, told);
  log('service.started', { service: 'worker', pid: process.pid });
  const trail = new SqliteClients(database);
  const settings = settingsOf(config, { objects, trail }, poolsOf(catalogue));
  await runWorker({ context, liveness, signal: stop.signal, timers: systemTimers }, settings);
  health?.close();
  await runner.close();
  database.close();
  log('service.stopped', { service: 'worker' });
}

function makeRunner(
  config: WorkerConfig,
  docker: Dockerode,
  objects: FsObjectStore,
  catalogue: Catalogue,
): DockerTaskRunner {
  const models = config.modelsDirs.flatMap((dir) => ['--models', dir]);
  const uid = process.getuid?.() ?? 0;
  return new DockerTaskRunner({
    docker,
    objects,
    catalogue,
    workRoot: join(config.dataDir, 'work'),
    weightsRoot: config.weightsDir,
    stager: {
      command: [process.execPath, config.stagerEntry, '--data', config.dataDir, ...models],
      // Two short-lived processes per job: Node keeps their compiled code here and starts them twice as fast.
      env: { NODE_COMPILE_CACHE: join(config.dataDir, 'cache/compiled') },
      spare: 'kept',
    },
    clock: systemClock,
    log,
    settings: {
      platform: platformLabelOf(config.dataDir),
      outputBytesMax: config.outputBytesMax ?? LIMITS.outputBytesMax,
      logBytesMax: LIMITS.modelLogBytesMax,
      pollIntervalMs: 250,
      stopGraceMs: 2_000,
      containerUser: uid === 0 ? { uid: MODEL_UID, gid: MODEL_UID } : { uid, gid: process.getgid?.() ?? uid },
    },
  });
}

/** The pools that jobs of these models can be in: room in any other one is no reason to take a message. */
function poolsOf(catalogue: Catalogue): readonly string[] {
  const gpus = catalogue.all().map(({ resources }) => resources.gpu);
  return POOLS.filter((pool) => gpus.some((gpu) => (pool === 'gpu' ? gpu !== 'none' : gpu !== 'required')));
}

function settingsOf(
  config: WorkerConfig,
  { objects, trail }: { objects: FsObjectStore; trail: Clients },
  pools: readonly string[],
): WorkerSettings {
  return {
    dispatch: {
      pools,
      receiveMax: 10,
      receiveWaitMs: 20_000,
      fullWaitMs: 1_000,
      fullRedeliverMs: 60_000,
      redeliverMs: 1_000,
    },
    watch: { followUpMs: 500, lookAgainMs: 1_000 },
    sweep: { intervalMs: config.sweepIntervalMs },
    clean: {
      passIntervalMs: 10 * 60 * 1_000,
      roundIntervalMs: 5_000,
      cleanBackend: async () => {
        await objects.sweepTemp(systemClock.nowMs());
      },
    },
    expiry: { clients: trail, retention: config.retention, passIntervalMs: 60_000, roundIntervalMs: 1_000 },
  };
}

try {
  await main();
} catch (error) {
  // Configuration errors are ours, one sentence per variable, and hold nothing of a client.
  process.stderr.write(`${error instanceof Error ? error.message : 'unknown error'}\n`);
  log('service.failed', { service: 'worker', ...errorFields(error) });
  process.exitCode = 1;
}
