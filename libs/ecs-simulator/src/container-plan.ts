import type { ContainerPlan } from './container-engine.ts';
import type { TaskOverride } from './schemas/request-schemas.ts';
import type { ContainerDefinition, TaskDefinitionInput } from './schemas/task-definition-schema.ts';
import type { ContainerState, Need, Task } from './task.ts';

type ContainerOverride = NonNullable<TaskOverride['containerOverrides']>[number];

const overrideOf = (overrides: TaskOverride, name: string): Partial<ContainerOverride> =>
  overrides.containerOverrides?.find((override) => override.name === name) ?? {};

/** One container with the overrides of its task applied. */
export function planContainer(task: Task, container: ContainerState, metadataUrl: string): ContainerPlan {
  const { definition } = container;
  const override = overrideOf(task.overrides, definition.name);
  const linux = definition.linuxParameters ?? {};
  const networked = definition.disableNetworking !== true && task.definition.input.networkMode !== 'none';
  return {
    taskId: task.id,
    name: definition.name,
    image: definition.image,
    entryPoint: definition.entryPoint ?? null,
    command: override.command ?? definition.command ?? null,
    workingDirectory: definition.workingDirectory ?? null,
    environment: {
      ...environmentOf(definition.environment),
      ...environmentOf(override.environment),
      // ECS sets it in every container, also where there is no network to use it.
      ECS_CONTAINER_METADATA_URI_V4: `${metadataUrl}/v4/${container.metadataToken}`,
    },
    user: definition.user ?? null,
    readonlyRootFilesystem: definition.readonlyRootFilesystem ?? false,
    network: networked ? 'host' : 'none',
    memoryMiB: override.memory ?? definition.memory ?? null,
    cpuUnits: override.cpu ?? definition.cpu ?? 0,
    mounts: (definition.mountPoints ?? []).map(({ sourceVolume, containerPath, readOnly = false }) => ({
      volume: sourceVolume,
      containerPath,
      readOnly,
    })),
    tmpfs: (linux.tmpfs ?? []).map(({ containerPath, size, mountOptions = [] }) => ({
      containerPath,
      sizeMiB: size,
      options: mountOptions,
    })),
    sharedMemoryMiB: linux.sharedMemorySize ?? null,
    ulimits: (definition.ulimits ?? []).map(({ name, softLimit: soft, hardLimit: hard }) => ({ name, soft, hard })),
    capabilitiesDropped: linux.capabilities?.drop ?? [],
    securityOptions: definition.dockerSecurityOptions ?? [],
    initProcessEnabled: linux.initProcessEnabled ?? false,
  };
}

/** What the task reserves: the task's own figures, or else the sum over its containers. */
export function needOf(definition: TaskDefinitionInput, overrides: TaskOverride): Need {
  const sum = (of: (container: ContainerDefinition, override: Partial<ContainerOverride>) => number) =>
    definition.containerDefinitions.reduce((all, each) => all + of(each, overrideOf(overrides, each.name)), 0);
  const memoryMiB = overrides.memory ?? definition.memory;
  const cpuUnits = overrides.cpu ?? definition.cpu;
  return {
    gpus: sum(({ resourceRequirements = [] }, override) =>
      (override.resourceRequirements ?? resourceRequirements).reduce((all, { value }) => all + Number(value), 0),
    ),
    memoryMiB: memoryMiB === undefined ? sum(reservedMiB) : Number(memoryMiB),
    cpuUnits: cpuUnits === undefined ? sum(({ cpu = 0 }, override) => override.cpu ?? cpu) : Number(cpuUnits),
  };
}

/** The reservation counts where there is one, else the hard limit. */
function reservedMiB(container: ContainerDefinition, override: Partial<ContainerOverride>): number {
  const reservation = override.memoryReservation ?? container.memoryReservation;
  return reservation ?? override.memory ?? container.memory ?? 0;
}

function environmentOf(pairs: ContainerDefinition['environment']): Record<string, string> {
  return Object.fromEntries((pairs ?? []).map(({ name, value = '' }) => [name, value]));
}
