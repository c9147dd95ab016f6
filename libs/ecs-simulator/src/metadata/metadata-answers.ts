import type { ContainerSnapshot, TaskSnapshot } from './task-snapshot.ts';

/** The agent's words; NONE = a container of the task was not created yet. */
const KNOWN_STATUSES = ['NONE', 'CREATED', 'RUNNING', 'STOPPED'] as const;
type KnownStatus = (typeof KNOWN_STATUSES)[number];

/** `GET ${ECS_CONTAINER_METADATA_URI_V4}`; fields: amazon-ecs-agent, ecs-agent/tmds/handlers/v2 and v4. */
export type ContainerAnswer = {
  DockerId: string;
  Name: string;
  DockerName: string;
  Image: string;
  ImageID: string;
  Labels: Record<string, string>;
  DesiredStatus: 'RUNNING' | 'STOPPED';
  KnownStatus: KnownStatus;
  ExitCode?: number;
  /** RFC 3339, as the following. */
  CreatedAt?: string;
  StartedAt?: string;
  FinishedAt?: string;
  Type: 'NORMAL';
};

/** `GET ${ECS_CONTAINER_METADATA_URI_V4}/task`. */
export type TaskAnswer = {
  Cluster: string;
  TaskARN: string;
  Family: string;
  Revision: string;
  DesiredStatus: 'RUNNING' | 'STOPPED';
  KnownStatus: KnownStatus;
  AvailabilityZone: string;
  LaunchType: 'EC2' | 'FARGATE';
  /** Only those that were created; left out if there is none. */
  Containers?: ContainerAnswer[];
};

export function describeTask(task: TaskSnapshot): TaskAnswer {
  const containers = task.containers.flatMap((container) => describeContainer(task, container) ?? []);
  return {
    Cluster: task.clusterArn,
    TaskARN: task.taskArn,
    Family: task.family,
    Revision: String(task.revision),
    DesiredStatus: task.desiredStatus,
    KnownStatus: knownStatusOfTask(task),
    AvailabilityZone: task.availabilityZone,
    LaunchType: task.launchType,
    ...(containers.length === 0 ? {} : { Containers: containers }),
  };
}

/** Null if the container was not created. */
export function describeContainer(task: TaskSnapshot, container: ContainerSnapshot): ContainerAnswer | null {
  if (container.runtimeId === null) return null;
  return {
    DockerId: container.runtimeId,
    Name: container.name,
    // By the agent's pattern: of the definition and the container, and unique.
    DockerName: `ecs-${task.family}-${task.revision}-${container.name}-${container.runtimeId.slice(0, 20)}`,
    Image: container.image,
    ImageID: container.imageDigest ?? '',
    Labels: labelsOf(task, container),
    // The agent wants containers to run for as long as it wants the task to, also those that ended by themselves.
    DesiredStatus: task.desiredStatus,
    KnownStatus: knownStatusOf(container),
    ...(container.exitCode === null ? {} : { ExitCode: container.exitCode }),
    ...timeOf('CreatedAt', container.createdAtMs),
    ...timeOf('StartedAt', container.startedAtMs),
    ...timeOf('FinishedAt', container.finishedAtMs),
    Type: 'NORMAL',
  };
}

/** The agent's rule: a task is as far as the container that is least far. One that waits for another holds it back. */
function knownStatusOfTask({ containers }: TaskSnapshot): KnownStatus {
  const known = new Set(containers.map(knownStatusOf));
  return KNOWN_STATUSES.find((status) => known.has(status)) ?? 'NONE';
}

function knownStatusOf({ lastStatus, runtimeId }: ContainerSnapshot): KnownStatus {
  if (lastStatus !== 'PENDING') return lastStatus;
  return runtimeId === null ? 'NONE' : 'CREATED';
}

function labelsOf(task: TaskSnapshot, container: ContainerSnapshot): Record<string, string> {
  return {
    'com.amazonaws.ecs.cluster': task.clusterArn,
    'com.amazonaws.ecs.container-name': container.name,
    'com.amazonaws.ecs.task-arn': task.taskArn,
    'com.amazonaws.ecs.task-definition-family': task.family,
    'com.amazonaws.ecs.task-definition-version': String(task.revision),
  };
}

function timeOf<Key extends string>(key: Key, ms: number | null): { [key in Key]?: string } {
  if (ms === null) return {};
  return { [key]: new Date(ms).toISOString() } as { [key in Key]: string }; // a computed key loses its type
}
