/** The AWS composition on one machine: an emulator for DynamoDB, SQS and S3, a simulated ECS, real processes. */
import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoClients, openAwsClients } from '@bpi/adapters-aws';
import { DockerEngine, EcsSimulator, sqsEventSink, type ContainerEngine } from '@bpi/ecs-simulator';
import { readCatalogue } from '@bpi/model-files';
import type Dockerode from 'dockerode';
import { createKey } from '../api-keys.ts';
import { SupervisedChild } from '../run/child.ts';
import { freePort } from '../run/free-port.ts';
import { refuseTakenPort, untilApiReady } from '../run/platform.ts';
import {
  createAwsResources,
  EMULATED_CREDENTIALS,
  EMULATED_REGION,
  emulatorSettings,
  type AwsResources,
} from './aws-resources.ts';
import { registerJobTasks } from './job-tasks.ts';
import { startMinistack } from './ministack.ts';

/** Where jobs begin, and where they move after interruptions. */
export const POOLS = { spot: 'gpu-spot', onDemand: 'gpu-on-demand' } as const;

export type AwsPlatformOptions = {
  repoRoot: string;
  dataDir: string;
  /** Survives the data folder: the emulator is installed here once. */
  cacheDir: string;
  /** 0 = any free port. */
  port: number;
  modelsDirs: string[];
  docker: Dockerode;
  stagerImage: string;
  /** Slots of each pool, and so instances of its simulated group. */
  slots: number;
  workers: number;
  coldStartMs: number;
  log: (line: string) => void;
  /** Instead of containers: for tests of thousands of jobs. */
  engine?: ContainerEngine;
  startDeadlineMs?: number;
  outputBytesMax?: number;
  apiEnv?: Record<string, string>;
  workerEnv?: Record<string, string>;
  /** In front of the services, for API, workers and tasks: what a network and a busy service may do. */
  through?: (services: { aws: string; ecs: string }) => Promise<{ aws: string; ecs: string }>;
};

const START_DEADLINE_MS = 5 * 60_000;
const INSTANCE = { gpusPerInstance: 1, memoryMiB: 16_000, cpuUnits: 8_192, idleShrinkMs: 60_000 } as const;
const CLIENT_ID = 'local';

type Parts = {
  url: string;
  apiKey: string;
  endpoint: string;
  resources: AwsResources;
  api: SupervisedChild;
  workers: readonly SupervisedChild[];
  simulator: EcsSimulator;
  /** Things to undo at the end, newest first. */
  undo: (() => Promise<void>)[];
};

export class AwsPlatform {
  readonly url: string;
  /** The one client's key. */
  readonly apiKey: string;
  readonly api: SupervisedChild;
  readonly workers: readonly SupervisedChild[];
  readonly simulator: EcsSimulator;
  /** The emulator's own address, past whatever stands in front of it, and what lies there. */
  readonly endpoint: string;
  readonly resources: AwsResources;
  /** Rejects with one sentence when a process cannot be kept alive. */
  readonly failed: Promise<never>;
  readonly #undo: (() => Promise<void>)[];

  private constructor(parts: Parts) {
    this.url = parts.url;
    this.apiKey = parts.apiKey;
    this.api = parts.api;
    this.workers = parts.workers;
    this.simulator = parts.simulator;
    this.endpoint = parts.endpoint;
    this.resources = parts.resources;
    this.#undo = parts.undo;
    this.failed = Promise.race([parts.api.failed, ...parts.workers.map(({ failed }) => failed)]);
    this.failed.catch(() => {});
  }

  /** Resolves when the API says it is ready; on failure stops what it started and throws one sentence. */
  static async start(options: AwsPlatformOptions): Promise<AwsPlatform> {
    const undo: (() => Promise<void>)[] = [];
    try {
      const platform = new AwsPlatform(await assemble(options, undo));
      await Promise.race([untilApiReady(platform.url), platform.failed]);
      return platform;
    } catch (error) {
      await undoAll(undo);
      throw error;
    }
  }

  async stop(): Promise<void> {
    await undoAll(this.#undo);
  }
}

async function assemble(options: AwsPlatformOptions, undo: Parts['undo']): Promise<Parts> {
  const { dataDir, log } = options;
  const port = options.port === 0 ? await freePort() : options.port;
  await refuseTakenPort(port);
  await mkdir(join(dataDir, 'logs'), { recursive: true, mode: 0o700 });
  const emulator = await startMinistack({ cacheDir: options.cacheDir, port: await freePort(), log });
  undo.push(() => emulator.stop());
  const resources = await createAwsResources(emulator.endpoint, 'local');
  const { simulator, sqs } = await startSimulator(options, emulator.endpoint, resources.taskEventsQueueUrl);
  undo.push(async () => {
    await simulator.close();
    sqs.destroy();
  });
  const services = { aws: emulator.endpoint, ecs: simulator.url };
  const reached = options.through === undefined ? services : await options.through(services);
  const reachedResources = reachedAt(reached.aws, resources);
  const manifests = await readCatalogue(options.modelsDirs);
  const definitions = await registerJobTasks(manifests, {
    ecsEndpoint: simulator.url,
    emulatorEndpoint: reached.aws,
    resources: reachedResources,
    stagerImage: options.stagerImage,
    modelImages: await imagesOf(
      options.docker,
      manifests.map(({ image }) => image),
    ),
    startDeadlineMs: options.startDeadlineMs ?? START_DEADLINE_MS,
    ...(options.outputBytesMax === undefined ? {} : { outputBytesMax: options.outputBytesMax }),
  });
  const apiKey = await makeApiKey(emulator.endpoint, resources.table);
  const { api, workers } = makeProcesses(options, {
    port,
    reached,
    resources: reachedResources,
    definitions,
    simulator,
  });
  undo.push(async () => {
    await Promise.all([api, ...workers].map((child) => child.stop()));
    await rm(scratchOf(options), { recursive: true, force: true });
  });
  for (const child of [api, ...workers]) child.start();
  const url = `http://127.0.0.1:${port}`;
  return { url, apiKey, endpoint: emulator.endpoint, resources, api, workers, simulator, undo };
}

type Surroundings = {
  port: number;
  reached: { aws: string; ecs: string };
  resources: AwsResources;
  definitions: Readonly<Record<string, string>>;
  simulator: EcsSimulator;
};

function scratchOf({ dataDir }: AwsPlatformOptions): string {
  return join(dataDir, 'scratch');
}

/** API and workers with their environments, not started yet. */
function makeProcesses(
  options: AwsPlatformOptions,
  { port, reached, resources, definitions, simulator }: Surroundings,
): { api: SupervisedChild; workers: SupervisedChild[] } {
  const { repoRoot, dataDir } = options;
  const shared = {
    PATH: process.env['PATH'] ?? '',
    HOME: dataDir,
    AWS_REGION: EMULATED_REGION,
    AWS_ACCESS_KEY_ID: EMULATED_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: EMULATED_CREDENTIALS.secretAccessKey,
    AWS_ENDPOINT_URL: reached.aws,
    AWS_ENDPOINT_URL_ECS: reached.ecs,
    AWS_ENDPOINT_URL_AUTO_SCALING: reached.ecs,
    JOBS_TABLE: resources.table,
    JOB_QUEUE_URL: resources.jobQueueUrl,
    BUCKET: resources.bucket,
    POOLS: `${POOLS.spot}=${options.slots},${POOLS.onDemand}=${options.slots}`,
  };
  const childOf = (name: string, app: 'api' | 'worker', env: Record<string, string>) =>
    new SupervisedChild({
      name,
      args: ['--enable-source-maps', join(repoRoot, `dist/apps/${app}/main.js`)],
      env: { ...shared, ...env },
      logPath: join(dataDir, 'logs', `${name}.log`),
    });
  const api = childOf('api', 'api', {
    HOST: '127.0.0.1',
    PORT: String(port),
    SCRATCH_DIR: scratchOf(options),
    MODELS_DIRS: options.modelsDirs.join(':'),
    ...options.apiEnv,
  });
  const workers = Array.from({ length: options.workers }, (_, n) =>
    childOf(n === 0 ? 'worker' : `worker-${n + 1}`, 'worker', {
      CLUSTER: simulator.clusterArn,
      TASK_EVENTS_QUEUE_URL: resources.taskEventsQueueUrl,
      TASK_DEFINITIONS: JSON.stringify(definitions),
      HEALTH_PORT: '0',
      ...options.workerEnv,
    }),
  );
  return { api, workers };
}

/** The SDK calls a queue at the host of its URL, whatever its endpoint is. */
function reachedAt(service: string, resources: AwsResources): AwsResources {
  const queueAt = (queueUrl: string) => new URL(new URL(queueUrl).pathname, service).href;
  const { jobQueueUrl, taskEventsQueueUrl } = resources;
  return { ...resources, jobQueueUrl: queueAt(jobQueueUrl), taskEventsQueueUrl: queueAt(taskEventsQueueUrl) };
}

async function startSimulator(
  options: AwsPlatformOptions,
  endpoint: string,
  taskEventsQueueUrl: string,
): Promise<{ simulator: EcsSimulator; sqs: SQSClient }> {
  const sqs = new SQSClient(emulatorSettings(endpoint));
  const group = { ...INSTANCE, max: options.slots, coldStartMs: options.coldStartMs };
  const engine = options.engine ?? (await ownEngine(options));
  const simulator = await EcsSimulator.start({
    engine,
    autoScalingGroups: [
      { ...group, name: POOLS.spot, capacityProvider: POOLS.spot, spot: true },
      { ...group, name: POOLS.onDemand, capacityProvider: POOLS.onDemand, spot: false },
    ],
    region: EMULATED_REGION,
    eventSink: sqsEventSink(sqs, taskEventsQueueUrl),
  });
  return { simulator, sqs };
}

/** Without what an earlier run of the same folder left, that was killed. */
async function ownEngine({ docker, dataDir }: AwsPlatformOptions): Promise<DockerEngine> {
  const engine = new DockerEngine({ docker, label: labelOf(dataDir) });
  await engine.killAll();
  return engine;
}

/** Tells the containers of several platforms on one engine apart; the same folder gives the same label. */
function labelOf(dataDir: string): string {
  return `bpi-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`;
}

/** What the engine has of these images, by id, so that a tag that moves meanwhile changes nothing. */
async function imagesOf(docker: Dockerode, images: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const image of new Set(images)) {
    const seen = await docker
      .getImage(image)
      .inspect()
      .catch(() => null);
    if (seen !== null) found.set(image, seen.Id);
  }
  return found;
}

async function makeApiKey(endpoint: string, tableName: string): Promise<string> {
  const { dynamo, destroy } = openAwsClients(emulatorSettings(endpoint));
  try {
    return await createKey(new DynamoClients(dynamo, { tableName }), CLIENT_ID);
  } finally {
    destroy();
  }
}

async function undoAll(undo: (() => Promise<void>)[]): Promise<void> {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step().catch(() => {});
}
