import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import type { ContainerExit, ContainerPlan } from '../../container-engine.ts';
import { DockerEngine } from '../docker-engine.ts';
import { CuttableSocket } from './cuttable-socket.ts';

/** Any image with a POSIX shell and Perl will do; the repository's own base has them. */
export const BASE_IMAGE = 'bpi/base:bookworm-1';
const SETTLE = { pollMs: 20, limitMs: 20_000 } as const;
const RECONNECT_LIMIT_MS = 5_000;

export type EngineHarness = {
  docker: Docker;
  label: string;
  engine: DockerEngine;
  /** Between the engine and dockerd. */
  socket: CuttableSocket;
  /** A client that goes through that socket. */
  engineClient(): Docker;
  /** An image of this test's own in which this script was run as root. */
  imageWith(made: { script: string; stopSignal?: string }): Promise<string>;
  /** Starts it and waits for its end. */
  run(plan: ContainerPlan): Promise<ContainerExit & { logs: string; runtimeId: string }>;
  /** Names of all containers and volumes with a label. */
  leftOf(label: string): Promise<string[]>;
  /** Until the container has written this. */
  written(runtimeId: string, text: string): Promise<void>;
  close(): Promise<void>;
};

/** A shell script in a container of a task of its own, unless told otherwise. */
export function aPlan(script: string, changes: Partial<ContainerPlan> = {}): ContainerPlan {
  return {
    taskId: randomUUID().replaceAll('-', ''),
    name: 'main',
    image: BASE_IMAGE,
    entryPoint: ['sh', '-c'],
    command: [script],
    workingDirectory: null,
    environment: {},
    user: null,
    readonlyRootFilesystem: false,
    network: 'none',
    memoryMiB: 64,
    cpuUnits: 0,
    mounts: [],
    tmpfs: [],
    sharedMemoryMiB: null,
    ulimits: [],
    capabilitiesDropped: [],
    securityOptions: [],
    initProcessEnabled: true,
    ...changes,
  };
}

export async function makeEngineHarness(socketPath: string): Promise<EngineHarness> {
  const docker = new Docker({ socketPath });
  await requireBaseImage(docker, socketPath);
  const folder = await mkdtemp(join(tmpdir(), 'ecs-simulator-'));
  const path = join(folder, 'docker.sock');
  const socket = new CuttableSocket({ path, engine: socketPath });
  await socket.mend();
  const label = `spec-${randomUUID().slice(0, 8)}`;
  const settings = { docker: new Docker({ socketPath: path }), label, reconnectLimitMs: RECONNECT_LIMIT_MS };
  const engine = new DockerEngine(settings);
  const images: string[] = [];

  return {
    docker,
    label,
    engine,
    socket,
    engineClient: () => new Docker({ socketPath: path }),
    imageWith: async ({ script, stopSignal = 'SIGTERM' }) => {
      const image = `ecs-simulator/${label}:${images.length + 1}`;
      await commit(docker, { script, image, stopSignal });
      images.push(image);
      return image;
    },
    run: async (plan) => {
      const { runtimeId } = await engine.start(plan);
      const exit = await engine.wait(runtimeId);
      return { ...exit, runtimeId, logs: await engine.logs(runtimeId) };
    },
    leftOf: (of) => leftOf(docker, of),
    written: (runtimeId, text) => settle(async () => (await engine.logs(runtimeId)).includes(text)),
    close: async () => {
      await engine.close();
      await socket.cut();
      await Promise.all(images.map((image) => docker.getImage(image).remove({ force: true })));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function settle(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + SETTLE.limitMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`the condition did not hold within ${SETTLE.limitMs} ms`);
    await delay(SETTLE.pollMs);
  }
}

async function requireBaseImage(docker: Docker, socketPath: string): Promise<void> {
  await docker.ping().catch(() => {
    throw new Error(
      `No Docker engine answers on ${socketPath}: start one (Debian: apt-get install docker.io, then dockerd).`,
    );
  });
  await docker
    .getImage(BASE_IMAGE)
    .inspect()
    .catch(() => {
      throw new Error(`The image ${BASE_IMAGE} is missing: ./tools/test builds it.`);
    });
}

async function commit(docker: Docker, made: { script: string; image: string; stopSignal: string }): Promise<void> {
  const { script, image, stopSignal } = made;
  const container = await docker.createContainer({
    Image: BASE_IMAGE,
    Cmd: ['sh', '-ec', script],
    StopSignal: stopSignal,
    HostConfig: { NetworkMode: 'none' },
  });
  try {
    await container.start();
    const { StatusCode } = (await container.wait()) as { StatusCode: number }; // untyped in the client
    if (StatusCode !== 0) throw new Error(`the script that makes ${image} ended with ${StatusCode}`);
    const [repo, tag] = image.split(':');
    await container.commit({ repo, tag });
  } finally {
    await container.remove({ force: true });
  }
}

async function leftOf(docker: Docker, label: string): Promise<string[]> {
  const filters = { label: [`ecs-simulator=${label}`] };
  const containers = await docker.listContainers({ all: true, filters });
  const { Volumes } = await docker.listVolumes({ filters });
  return [
    ...containers.flatMap(({ Names }) => Names.map((name) => name.slice(1))),
    ...(Volumes ?? []).map(({ Name }) => Name),
  ].sort();
}
