import type { Wire } from './wire.ts';
import type { TaskOverride } from './schemas/request-schemas.ts';
import type { ContainerDefinition } from './schemas/task-definition-schema.ts';
import type { TaskDefinition } from './task-definitions.ts';
import type { TaskFate } from './fault-plan.ts';

export type TaskStatus =
  'PROVISIONING' | 'PENDING' | 'ACTIVATING' | 'RUNNING' | 'DEACTIVATING' | 'STOPPING' | 'DEPROVISIONING' | 'STOPPED';

export type StopCode =
  'TaskFailedToStart' | 'EssentialContainerExited' | 'UserInitiated' | 'SpotInterruption' | 'TerminationNotice';

/** What a task asks of an instance. */
export type Need = { gpus: number; memoryMiB: number; cpuUnits: number };

export type ContainerState = {
  readonly arn: string;
  readonly definition: ContainerDefinition;
  /** Names the container to the task metadata endpoint. */
  readonly metadataToken: string;
  lastStatus: 'PENDING' | 'RUNNING' | 'STOPPED';
  exitCode: number | null;
  reason: string | null;
  runtimeId: string | null;
  imageDigest: string | null;
  createdAt: Date | null;
  startedAt: Date | null;
  finishedAt: Date | null;
};

/** One task as ECS knows it. Only TaskLife and the agent change it. */
export type Task = {
  readonly arn: string;
  readonly id: string;
  readonly clusterArn: string;
  readonly definition: TaskDefinition;
  readonly containers: readonly ContainerState[];
  readonly overrides: TaskOverride;
  readonly need: Need;
  readonly startedBy: string | null;
  readonly group: string;
  readonly tags: readonly { key: string; value?: string | undefined }[];
  readonly capacityProviderName: string | null;
  readonly createdAt: Date;
  fate: TaskFate;
  lastStatus: TaskStatus;
  desiredStatus: 'RUNNING' | 'STOPPED';
  version: number;
  containerInstanceArn: string | null;
  stopCode: StopCode | null;
  stoppedReason: string | null;
  pullStartedAt: Date | null;
  pullStoppedAt: Date | null;
  startedAt: Date | null;
  stoppingAt: Date | null;
  executionStoppedAt: Date | null;
  stoppedAt: Date | null;
};

/** The task as DescribeTasks shows it; tags only where they are asked for. */
export function describeTask(task: Task, place: { region: string }, withTags: boolean): { [key: string]: Wire } {
  return {
    taskArn: task.arn,
    clusterArn: task.clusterArn,
    taskDefinitionArn: task.definition.arn,
    containerInstanceArn: shown(task.containerInstanceArn),
    capacityProviderName: shown(task.capacityProviderName),
    lastStatus: task.lastStatus,
    desiredStatus: task.desiredStatus,
    version: task.version,
    cpu: String(task.need.cpuUnits),
    memory: String(task.need.memoryMiB),
    containers: task.containers.map((container) => describeContainer(container, task.arn)),
    overrides: describeOverrides(task.overrides),
    startedBy: shown(task.startedBy),
    group: task.group,
    launchType: 'EC2',
    availabilityZone: `${place.region}a`,
    connectivity: task.containerInstanceArn === null ? undefined : 'CONNECTED',
    attachments: [],
    attributes: [],
    enableExecuteCommand: false,
    healthStatus: 'UNKNOWN',
    stopCode: shown(task.stopCode),
    stoppedReason: shown(task.stoppedReason),
    createdAt: task.createdAt,
    pullStartedAt: shown(task.pullStartedAt),
    pullStoppedAt: shown(task.pullStoppedAt),
    startedAt: shown(task.startedAt),
    stoppingAt: shown(task.stoppingAt),
    executionStoppedAt: shown(task.executionStoppedAt),
    stoppedAt: shown(task.stoppedAt),
    tags: withTags ? task.tags : undefined,
  };
}

function describeContainer(container: ContainerState, taskArn: string): Wire {
  const { definition } = container;
  return {
    containerArn: container.arn,
    taskArn,
    name: definition.name,
    image: definition.image,
    imageDigest: shown(container.imageDigest),
    runtimeId: shown(container.runtimeId),
    lastStatus: container.lastStatus,
    exitCode: shown(container.exitCode),
    reason: shown(container.reason),
    networkBindings: [],
    networkInterfaces: [],
    healthStatus: 'UNKNOWN',
    cpu: String(definition.cpu ?? 0),
    memory: definition.memory === undefined ? undefined : String(definition.memory),
    memoryReservation: definition.memoryReservation === undefined ? undefined : String(definition.memoryReservation),
  };
}

function describeOverrides(overrides: TaskOverride): Wire {
  return { inferenceAcceleratorOverrides: [], ...overrides, containerOverrides: overrides.containerOverrides ?? [] };
}

const shown = <Value>(value: Value | null): Value | undefined => value ?? undefined;
