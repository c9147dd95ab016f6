import { Arns } from './arns.ts';
import { AutoScalingGroup } from './auto-scaling-group.ts';
import { ClientTokens } from './client-tokens.ts';
import { Clusters, type Cluster } from './clusters.ts';
import { EventCourier, type EventCounts } from './events/event-courier.ts';
import { spotInterruptionWarning, taskStateChange } from './events/event-envelopes.ts';
import type { FaultPlan, TaskFate } from './fault-plan.ts';
import { SimulatorServer } from './http/simulator-server.ts';
import type { Instance } from './instance.ts';
import { snapshotOf } from './metadata-lookup.ts';
import { AGENT_RATE_LIMIT } from './metadata/request-rate.ts';
import { createTaskMetadataHandler } from './metadata/task-metadata.ts';
import { autoScalingOperations } from './operations/auto-scaling-operations.ts';
import { clusterOperations } from './operations/cluster-operations.ts';
import { instanceOperations } from './operations/instance-operations.ts';
import { runTaskOperation } from './operations/run-task.ts';
import { taskDefinitionOperations } from './operations/task-definition-operations.ts';
import { taskOperations } from './operations/task-operations.ts';
import { withDefaults, type Settings, type SimulatorSettings } from './settings.ts';
import { TaskDefinitions } from './task-definitions.ts';
import type { Task } from './task.ts';
import type { TaskLife } from './task-life.ts';
import { Tasks } from './tasks.ts';
import { Timers } from './timers.ts';
import { instancesOf, type World } from './world.ts';

/** An instance as tests ask for it. */
export type SimulatedInstance = {
  instanceId: string;
  autoScalingGroupName: string;
  lifecycle: Instance['lifecycle'];
  taskArns: readonly string[];
};

/** A whole ECS for one process: an HTTP address for the SDK, and controls for what AWS decides by itself. */
export class EcsSimulator {
  /** `endpoint` of the SDK's ECS and Auto Scaling clients. */
  readonly url: string;
  readonly clusterArn: string;
  readonly #world: World;
  readonly #server: SimulatorServer;
  readonly #timers: Timers;
  readonly #courier: EventCourier;
  #closing: Promise<void> | null = null;

  private constructor(parts: {
    url: string;
    cluster: Cluster;
    world: World;
    server: SimulatorServer;
    timers: Timers;
    courier: EventCourier;
  }) {
    this.url = parts.url;
    this.clusterArn = parts.cluster.arn;
    this.#world = parts.world;
    this.#server = parts.server;
    this.#timers = parts.timers;
    this.#courier = parts.courier;
  }

  static async start(given: SimulatorSettings): Promise<EcsSimulator> {
    const settings = withDefaults(given);
    const server = new SimulatorServer();
    const url = await server.listen(settings.port);
    const timers = new Timers();
    const courier = new EventCourier(settings.eventSink ?? (() => {}), timers);
    const world = createWorld(settings, { url, timers, courier });
    const cluster = createFirstCluster(world);
    const ecs = {
      ...clusterOperations,
      ...taskDefinitionOperations,
      ...instanceOperations,
      ...taskOperations,
      RunTask: runTaskOperation,
    };
    const lookUp = (token: string) => snapshotOf(world.tasks, token, settings.region);
    const metadata = createTaskMetadataHandler({ lookUp, rateLimit: AGENT_RATE_LIMIT });
    server.serve(world, { ecs, autoScaling: autoScalingOperations }, metadata);
    return new EcsSimulator({ url, cluster, world, server, timers, courier });
  }

  /** For `autoScalingGroupProvider` of CreateCapacityProvider. */
  autoScalingGroupArn(name: string): string {
    return this.#world.arns.autoScalingGroup(name);
  }

  get instances(): SimulatedInstance[] {
    return instancesOf(this.#world).map(({ id, group, lifecycle, lives }) => ({
      instanceId: id,
      autoScalingGroupName: group.name,
      lifecycle,
      taskArns: [...lives].map(({ task }) => task.arn),
    }));
  }

  get eventCounts(): EventCounts {
    return { ...this.#courier.counts };
  }

  /** From now on this goes wrong; null = nothing. */
  useFaults(faults: FaultPlan | null): void {
    this.#world.faults = faults;
  }

  /** While on, the provider's group starts no instance. */
  noCapacity(capacityProvider: string, on: boolean): void {
    const provider = this.#world.clusters.findProvider(capacityProvider);
    if (provider === null) throw new Error('no such capacity provider: create it first');
    provider.group.noCapacity(on);
  }

  /** The next task of a RunTask is refused with this reason in `failures`, such as `AGENT`. */
  failNextRunTask(reason: string): void {
    this.#world.orderedFailures.push(reason);
  }

  /** EC2 takes a Spot instance back: it warns, and `noticeMs` later the instance is gone. */
  reclaim(instanceId: string, { noticeMs }: { noticeMs: number }): void {
    const { instance, group } = this.#instance(instanceId);
    this.#world.emit(spotInterruptionWarning(instanceId, this.#world.arns, this.#now()));
    this.#timers.after(noticeMs, () => group.terminate(instance, 'SpotInterruption'));
  }

  /** The instance is gone at once, without a warning. */
  terminate(instanceId: string): void {
    const { instance, group } = this.#instance(instanceId);
    group.terminate(instance, 'TerminationNotice');
  }

  /** Decides how one task behaves when it is to end, whatever the fault plan drew for it. */
  setFate(taskArn: string, fate: TaskFate): void {
    this.#life(taskArn).task.fate = fate;
  }

  /** Ends the containers of tasks that were reported as stopped. */
  async endZombies(): Promise<void> {
    const stopped = this.#world.tasks.remaining.filter(({ task }) => task.lastStatus === 'STOPPED');
    await Promise.all(stopped.map((life) => life.kill()));
  }

  /** Ends every container, the engine and the server. Nothing happens afterwards. Safe to repeat. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#server.close();
    this.#timers.close();
    this.#courier.close();
    await Promise.allSettled(this.#world.tasks.remaining.map((life) => life.kill()));
    await this.#world.settings.engine.close();
  }

  #instance(instanceId: string): { instance: Instance; group: AutoScalingGroup } {
    for (const group of this.#world.groups.values()) {
      const instance = group.instances.get(instanceId);
      if (instance !== undefined) return { instance, group };
    }
    throw new Error('no such instance: take an id from `instances`');
  }

  #life(taskArn: string): TaskLife {
    const life = this.#world.tasks.findAnywhere(taskArn);
    if (life === null) throw new Error('no such task: take an ARN from RunTask');
    return life;
  }

  #now(): Date {
    return new Date(this.#world.settings.nowMs());
  }
}

function createWorld(
  settings: Settings,
  { url, timers, courier }: { url: string; timers: Timers; courier: EventCourier },
): World {
  const { nowMs } = settings;
  const arns = new Arns(settings);
  const groups = new Map(
    settings.autoScalingGroups.map((group) => [group.name, new AutoScalingGroup(group, settings, arns, timers)]),
  );
  const emit: World['emit'] = (event) => {
    if (settings.eventSink !== null && settings.eventFilter(event)) courier.send(event, world.faults);
  };
  const publish = (task: Task) => {
    task.version += 1;
    emit(taskStateChange(task, arns, new Date(nowMs())));
  };
  const stopped = (life: TaskLife) => {
    for (const group of groups.values()) group.released(life);
  };
  const world: World = {
    settings,
    arns,
    groups,
    clusters: new Clusters(arns, groups),
    definitions: new TaskDefinitions(arns, nowMs),
    tasks: new Tasks(settings.stoppedTaskTtlMs, nowMs),
    tokens: new ClientTokens(nowMs),
    life: { engine: settings.engine, settings, timers, metadataUrl: url, publish, stopped },
    orderedFailures: [],
    faults: settings.faults,
    emit,
    after: (delayMs, act) => void timers.after(delayMs, act),
  };
  return world;
}

/** With the capacity providers that the groups name. */
function createFirstCluster({ settings, clusters, arns }: World): Cluster {
  const cluster = clusters.create(settings.clusterName);
  const providers = settings.autoScalingGroups.flatMap(({ name, capacityProvider }) =>
    capacityProvider === undefined
      ? []
      : [clusters.createProvider(capacityProvider, arns.autoScalingGroup(name), true).name],
  );
  clusters.associate(cluster, providers, []);
  return cluster;
}
