import { setTimeout as pause } from 'node:timers/promises';
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import {
  DescribeTasksCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  type ContainerDefinition,
  type RunTaskCommandInput,
  type Task,
} from '@aws-sdk/client-ecs';
import {
  collectingEventSink,
  EcsSimulator,
  ScriptedEngine,
  type AutoScalingGroupSettings,
  type EcsEvent,
  type Program,
  type SimulatorSettings,
} from '../index.ts';

const WAIT_MS_MAX = 10_000;
const LOOK_AGAIN_MS = 2;

/** Polls until `look` gives something that is neither null nor false. */
export async function eventually<Seen>(look: () => Promise<Seen | null | false> | Seen | null | false): Promise<Seen> {
  const endMs = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== false) return seen;
    if (performance.now() > endMs) throw new Error('what the test waited for did not come');
    await pause(LOOK_AGAIN_MS);
  }
}

/** A program that runs until its container is stopped or killed, and then exits with the code. */
export const untilStopped =
  (exitCode = 143): Program =>
  ({ signal, killed }) =>
    new Promise((resolve) =>
      AbortSignal.any([signal, killed]).addEventListener('abort', () => resolve(exitCode), { once: true }),
    );
/** A program that knows no SIGTERM and never ends. */
export const stubborn: Program = () => new Promise(() => {});
export const exits =
  (exitCode: number): Program =>
  async () =>
    exitCode;

export const GPU_GROUP: AutoScalingGroupSettings = {
  name: 'gpu-group',
  capacityProvider: 'gpu',
  max: 2,
  coldStartMs: 5,
  gpusPerInstance: 1,
  memoryMiB: 8_000,
  cpuUnits: 4_096,
  spot: false,
  idleShrinkMs: 60_000,
};

export type Harness = {
  simulator: EcsSimulator;
  engine: ScriptedEngine;
  ecs: ECSClient;
  autoScaling: AutoScalingClient;
  events: readonly EcsEvent[];
  /** Says what containers with this image do from now on; without it they run until stopped. */
  program(image: string, program: Program): void;
  /** Registers a family with these containers; memory is added where it is left out. */
  define(family: string, containers: readonly ContainerDefinition[]): Promise<string>;
  run(family: string, more?: Partial<RunTaskCommandInput>): Promise<string>;
  describe(taskArn: string): Promise<Task>;
  /** Polls until the task is in this state. */
  reaches(taskArn: string, lastStatus: string): Promise<Task>;
  close(): Promise<void>;
};

const CREDENTIALS = { accessKeyId: 'simulated', secretAccessKey: 'simulated' };

/** A simulator with scripted containers, or those of another engine, and the SDK's own clients. */
export async function startHarness(settings: Partial<SimulatorSettings> = {}): Promise<Harness> {
  const programs = new Map<string, Program>();
  const engine = new ScriptedEngine(({ image }) => programs.get(image) ?? untilStopped());
  const { sink, events } = collectingEventSink();
  const simulator = await EcsSimulator.start({ engine, autoScalingGroups: [GPU_GROUP], eventSink: sink, ...settings });
  const client = { endpoint: simulator.url, region: 'us-east-1', credentials: CREDENTIALS, maxAttempts: 1 };
  const ecs = new ECSClient(client);
  const autoScaling = new AutoScalingClient(client);
  const cluster = simulator.clusterArn;
  const describe = async (taskArn: string) => {
    const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster, tasks: [taskArn] }));
    const [task] = tasks;
    if (task === undefined) throw new Error('the task is missing');
    return task;
  };
  return {
    simulator,
    engine,
    ecs,
    autoScaling,
    events,
    program: (image, program) => void programs.set(image, program),
    define: async (family, containers) => {
      const containerDefinitions = containers.map((container) => ({ memory: 100, image: 'any', ...container }));
      const answer = await ecs.send(new RegisterTaskDefinitionCommand({ family, containerDefinitions }));
      return answer.taskDefinition?.taskDefinitionArn ?? '';
    },
    run: async (family, more = {}) => {
      const { tasks = [], failures = [] } = await ecs.send(
        new RunTaskCommand({ ...runInput(cluster, family), ...more }),
      );
      const [task] = tasks;
      if (task?.taskArn === undefined) throw new Error(`nothing was started: ${failures[0]?.reason}`);
      return task.taskArn;
    },
    describe,
    reaches: (taskArn, lastStatus) =>
      eventually(async () => {
        const task = await describe(taskArn);
        return task.lastStatus === lastStatus ? task : null;
      }),
    close: async () => {
      await simulator.close();
      ecs.destroy();
      autoScaling.destroy();
    },
  };
}

export function runInput(cluster: string, taskDefinition: string): RunTaskCommandInput {
  return { cluster, taskDefinition, capacityProviderStrategy: [{ capacityProvider: 'gpu', weight: 1 }] };
}

/** The container of this name, of which the test knows that it is there. */
export function containerOf(task: Task, name: string): NonNullable<Task['containers']>[number] {
  const container = task.containers?.find((each) => each.name === name);
  if (container === undefined) throw new Error(`the task has no container ${name}`);
  return container;
}
