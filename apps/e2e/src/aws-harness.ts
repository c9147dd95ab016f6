/** The AWS composition for one spec file: its own emulator and simulated ECS, real processes of API and workers. */
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoJobStore, openAwsClients, S3ObjectStore, type AwsClients } from '@bpi/adapters-aws';
import type { ContainerEngine, SimulatedInstance } from '@bpi/ecs-simulator';
import { isJobId, type JobRecord, type StatusBody } from '@bpi/job-contract';
import { AWS_POOLS, AwsPlatform, Client, emulatorSettings, type AwsPlatformOptions } from '@bpi/tools';
import Dockerode from 'dockerode';
import { python, repoRoot, required, until } from './harness.ts';

export type AwsHarness = {
  platform: AwsPlatform;
  client: Client;
  docker: Dockerode;
  dataDir: string;
  /** Path of an input that `make_volumes.py` made. */
  input: (name: string) => string;
  /** Asks until the job has ended. */
  finish: (jobId: string, withinMs?: number) => Promise<StatusBody>;
  /** The stored record, past the API. */
  record: (jobId: string) => Promise<JobRecord>;
  /** The record once the job's result is shown at its last place too, which follows its end within moments. */
  projected: (jobId: string) => Promise<JobRecord>;
  /** The instance that holds a task of the job's current attempt; throws if none does within some seconds. */
  instanceOf: (jobId: string) => Promise<SimulatedInstance>;
  /** The emulator's own services, past whatever stands in front of them for API and workers. */
  services: AwsClients & { store: DynamoJobStore; objects: S3ObjectStore };
  log: (name: string) => Promise<string>;
  close: () => Promise<void>;
};

export type AwsHarnessOptions = Partial<
  Pick<
    AwsPlatformOptions,
    'slots' | 'workers' | 'coldStartMs' | 'startDeadlineMs' | 'through' | 'apiEnv' | 'modelsDirs'
  >
> & {
  /** Instead of containers: functions of the test process. */
  engine?: ContainerEngine;
  /** Times of the job policy that differ from AWS_POLICY; those of hours are shortened anyway. */
  policy?: Record<string, number>;
  workerEnv?: Record<string, string>;
};

/** What minutes are on AWS; relations are as `assertPolicy` wants them. */
const SHORT_POLICY = {
  launchLeaseMs: 5_000,
  taskGoneAfterMs: 12_000,
  stopEscalationMs: 20_000,
  backoffBaseMs: 200,
  backoffMaxMs: 2_000,
} as const;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const COLD_START_MS = 200;
const FINISH_WITHIN_MS = 120_000;

export async function startAwsHarness(options: AwsHarnessOptions = {}): Promise<AwsHarness> {
  const dataDir = await mkdtemp(join(tmpdir(), 'bpi-aws-'));
  await chmod(dataDir, 0o700);
  await python('make_volumes.py', dataDir);
  const docker = new Dockerode({ socketPath: required('BPI_TEST_DOCKER_SOCKET') });
  const slots = options.slots ?? 1;
  const platform = await startPlatform({ ...options, slots }, { dataDir, docker });
  const client = new Client(platform.url, platform.apiKey);
  const services = openServices(platform, { dataDir, slots });
  const record = async (jobId: string): Promise<JobRecord> => {
    const stored = isJobId(jobId) ? await services.store.get(jobId) : null;
    if (stored === null) throw new Error('no such job in the table');
    return stored.job;
  };
  return {
    platform,
    client,
    docker,
    dataDir,
    input: (name) => join(dataDir, `${name}.npz`),
    finish: (jobId, withinMs = FINISH_WITHIN_MS) =>
      until(
        () => client.status(jobId),
        ({ status }) => status === 'completed' || status === 'failed',
        withinMs,
      ),
    record,
    projected: (jobId) =>
      until(
        () => record(jobId),
        ({ endedVersion, projectedVersion }) => endedVersion !== null && projectedVersion === endedVersion,
      ),
    instanceOf: (jobId) => untilPlaced(platform, async () => (await record(jobId)).attempt?.task ?? null),
    services,
    log: (name) => readFile(join(dataDir, 'logs', `${name}.log`), 'utf8'),
    close: async () => {
      await platform.stop();
      services.destroy();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function startPlatform(
  options: AwsHarnessOptions & { slots: number },
  { dataDir, docker }: { dataDir: string; docker: Dockerode },
): Promise<AwsPlatform> {
  const { policy, ...platformOptions } = options;
  return AwsPlatform.start({
    repoRoot,
    dataDir,
    cacheDir: join(repoRoot, 'data/test-cache'),
    port: 0,
    modelsDirs: [join(repoRoot, 'apps/models'), join(repoRoot, 'apps/e2e/models')],
    docker,
    stagerImage: required('BPI_TEST_STAGER_IMAGE'),
    workers: 1,
    coldStartMs: COLD_START_MS,
    outputBytesMax: OUTPUT_BYTES_MAX,
    log: () => {},
    ...platformOptions,
    apiEnv: { DEFAULT_MODEL: 'echo', ...options.apiEnv },
    workerEnv: {
      SWEEP_INTERVAL_MS: '2000',
      LOOK_AGAIN_MS: '3000',
      FULL_REDELIVER_MS: '5000',
      POLICY: JSON.stringify({ ...SHORT_POLICY, ...policy }),
      ...options.workerEnv,
    },
  });
}

function openServices(
  platform: AwsPlatform,
  { dataDir, slots }: { dataDir: string; slots: number },
): AwsHarness['services'] {
  const clients = openAwsClients(emulatorSettings(platform.endpoint));
  const { table, bucket } = platform.resources;
  const pools = { [AWS_POOLS.spot]: slots, [AWS_POOLS.onDemand]: slots };
  const store = new DynamoJobStore(clients.dynamo, { tableName: table, pools });
  const objects = new S3ObjectStore({ client: clients.s3, bucket, scratchDir: dataDir });
  return { ...clients, store, objects };
}

async function untilPlaced(platform: AwsPlatform, taskOf: () => Promise<string | null>): Promise<SimulatedInstance> {
  const found = await until(
    async () => {
      const task = await taskOf();
      return platform.simulator.instances.find(({ taskArns }) => task !== null && taskArns.includes(task));
    },
    (instance) => instance !== undefined,
  );
  if (found === undefined) throw new Error('the job has no instance');
  return found;
}
