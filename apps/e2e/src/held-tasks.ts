/** Real containers with a hand on them: a test holds a step of a task, and so meets the task exactly there. */
import { DescribeTasksCommand, ECSClient, type Task } from '@aws-sdk/client-ecs';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TASK_CONTAINERS } from '@bpi/adapters-aws';
import {
  DockerEngine,
  type ContainerEngine,
  type ContainerExit,
  type ContainerPlan,
  type StartedContainer,
} from '@bpi/ecs-simulator';
import { AWS_POOLS, emulatorSettings } from '@bpi/tools';
import Dockerode from 'dockerode';
import { startAwsHarness, type AwsHarness, type AwsHarnessOptions } from './aws-harness.ts';
import { required, until } from './harness.ts';

/** A step that waits. What ended meanwhile (its container was killed) does not go on. */
export type Hold = {
  /** Resolves when something has come to the step. */
  reached: Promise<void>;
  /** Lets go on what waits and all that comes later; with an error, what waits fails by it. */
  release: (error?: Error) => void;
};

type Waiting = Hold & { step: RegExp; arrived: () => void; over: Promise<void> };

/** The name of a container in its task's definition. */
type Part = (typeof TASK_CONTAINERS)[keyof typeof TASK_CONTAINERS];

const ENDPOINT = 'AWS_ENDPOINT_URL';

/**
 * An engine whose stages reach S3 through a gate. The steps that can be held are `start stage-in` (`model`,
 * `stage-out`) and each request of the stages, such as `PUT /local-jobs/jobs/…/attempts/1/report.json`.
 */
export class HeldEngine implements ContainerEngine {
  readonly #inner: ContainerEngine;
  readonly #gate = createServer((asked, answer) => void this.#pass(asked, answer));
  readonly #holds = new Set<Waiting>();
  readonly #runtimeIds = new Map<string, string>();
  #services = '';

  constructor(inner: ContainerEngine) {
    this.#inner = inner;
  }

  /** The next step that matches waits, and others that do until the release. */
  hold(step: RegExp): Hold {
    const reached = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    over.promise.catch(() => {});
    const release = (error?: Error) => {
      this.#holds.delete(held);
      if (error === undefined) over.resolve();
      else over.reject(error);
    };
    const held: Waiting = { step, reached: reached.promise, arrived: reached.resolve, over: over.promise, release };
    this.#holds.add(held);
    return held;
  }

  releaseAll(): void {
    for (const { release } of this.#holds) release();
  }

  /** The engine's own id of a container that was started. */
  runtimeIdOf(taskArn: string, part: Part): string {
    const id = this.#runtimeIds.get(`${taskArn.split('/').at(-1)} ${part}`);
    if (id === undefined) throw new Error(`${part} of this task was not started`);
    return id;
  }

  async start(plan: ContainerPlan): Promise<StartedContainer> {
    await this.#waitAt(`start ${plan.name}`);
    const started = await this.#inner.start(await this.#gated(plan));
    this.#runtimeIds.set(`${plan.taskId} ${plan.name}`, started.runtimeId);
    return started;
  }

  wait(runtimeId: string): Promise<ContainerExit> {
    return this.#inner.wait(runtimeId);
  }

  stop(runtimeId: string, graceMs: number): Promise<void> {
    return this.#inner.stop(runtimeId, graceMs);
  }

  kill(runtimeId: string): Promise<void> {
    return this.#inner.kill(runtimeId);
  }

  removeTask(taskId: string): Promise<void> {
    return this.#inner.removeTask(taskId);
  }

  async close(): Promise<void> {
    this.releaseAll();
    this.#gate.close();
    this.#gate.closeAllConnections();
    await this.#inner.close();
  }

  async #gated(plan: ContainerPlan): Promise<ContainerPlan> {
    const services = plan.environment[ENDPOINT];
    if (services === undefined) return plan;
    this.#services = services;
    if (!this.#gate.listening) await once(this.#gate.listen(0, '127.0.0.1'), 'listening');
    const { port } = this.#gate.address() as AddressInfo; // it listens on TCP
    return { ...plan, environment: { ...plan.environment, [ENDPOINT]: `http://127.0.0.1:${port}` } };
  }

  async #waitAt(step: string): Promise<void> {
    for (const hold of this.#holds) {
      if (!hold.step.test(step)) continue;
      hold.arrived();
      await hold.over;
    }
  }

  async #pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method, url, headers } = asked;
    try {
      await this.#waitAt(`${method} ${url}`);
      if (asked.socket.destroyed) return;
      const { expect: _, ...rest } = headers; // answered by this server already
      const passed = request(new URL(url ?? '', this.#services), { method, headers: rest });
      passed.on('error', () => answer.destroy());
      passed.on('response', (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      });
      asked.pipe(passed);
    } catch {
      answer.destroy();
    }
  }
}

export type HeldHarness = AwsHarness & {
  engine: HeldEngine;
  /** The task of the job's current attempt, as ECS shows it; throws if none comes within some seconds. */
  taskOf: (jobId: string) => Promise<Task>;
  /** Asks until ECS shows this status of a container of the job's current attempt. */
  untilPart: (jobId: string, part: Part, lastStatus: 'RUNNING' | 'STOPPED') => Promise<Task>;
  /** The engine's container of the job's current attempt. */
  containerOf: (jobId: string, part: Part) => Promise<Dockerode.Container>;
  /** Asks until no instance has a task and no slot is taken. */
  untilFree: () => Promise<void>;
};

const SOON_MS = 30_000;

export async function startHeldHarness(options: Omit<AwsHarnessOptions, 'engine'> = {}): Promise<HeldHarness> {
  const docker = new Dockerode({ socketPath: required('BPI_TEST_DOCKER_SOCKET') });
  const label = `bpi-held-${randomBytes(4).toString('hex')}`;
  const engine = new HeldEngine(new DockerEngine({ docker, label }));
  const harness = await startAwsHarness({ ...options, engine });
  const { simulator } = harness.platform;
  const cluster = simulator.clusterArn;
  const ecs = new ECSClient(emulatorSettings(simulator.url));
  const describe = async (jobId: string): Promise<Task | undefined> => {
    const arn = (await harness.record(jobId)).attempt?.task ?? null;
    return arn === null ? undefined : (await ecs.send(new DescribeTasksCommand({ cluster, tasks: [arn] }))).tasks?.[0];
  };
  const untilTask = async (jobId: string, wanted: (task: Task) => boolean): Promise<Task> => {
    const is = (task: Task | undefined): boolean => task !== undefined && wanted(task);
    const task = await until(() => describe(jobId), is, SOON_MS);
    if (task === undefined) throw new Error('the job has no task');
    return task;
  };
  const taskOf: HeldHarness['taskOf'] = (jobId) => untilTask(jobId, () => true);
  return {
    ...harness,
    engine,
    taskOf,
    untilPart: (jobId, part, lastStatus) =>
      untilTask(jobId, ({ containers = [] }) =>
        containers.some((container) => container.name === part && container.lastStatus === lastStatus),
      ),
    containerOf: async (jobId, part) =>
      docker.getContainer(engine.runtimeIdOf((await taskOf(jobId)).taskArn ?? '', part)),
    untilFree: async () => {
      const { store } = harness.services;
      const busy = async () => {
        const rooms = await Promise.all(Object.values(AWS_POOLS).map((pool) => store.room(pool)));
        const slots = rooms.map(({ slots, free }) => slots - free);
        return { slots, tasks: simulator.instances.map(({ taskArns }) => taskArns.length) };
      };
      await until(busy, ({ slots, tasks }) => [...slots, ...tasks].every((count) => count === 0), SOON_MS);
    },
    close: async () => {
      engine.releaseAll();
      await harness.close();
      ecs.destroy();
    },
  };
}
