import type { AutoScalingGroupSettings } from './settings.ts';
import type { Need } from './task.ts';
import type { TaskLife } from './task-life.ts';
import type { Wire } from './wire.ts';

/** One simulated EC2 instance, and the container instance that it is in ECS once it is in service. */
export type Instance = {
  /** i-… */
  readonly id: string;
  readonly containerInstanceArn: string;
  readonly group: AutoScalingGroupSettings;
  readonly capacityProviderName: string | null;
  readonly lives: Set<TaskLife>;
  lifecycle: 'Pending' | 'InService' | 'Terminating';
  status: 'ACTIVE' | 'DRAINING';
  registeredAt: Date | null;
  version: number;
};

export const roomOf = ({ gpusPerInstance, memoryMiB, cpuUnits }: AutoScalingGroupSettings): Need => ({
  gpus: gpusPerInstance,
  memoryMiB,
  cpuUnits,
});

export const minus = (room: Need, need: Need): Need => ({
  gpus: room.gpus - need.gpus,
  memoryMiB: room.memoryMiB - need.memoryMiB,
  cpuUnits: room.cpuUnits - need.cpuUnits,
});

/** What is missing, in the words of RunTask's failures; null when it fits. */
export function missing(room: Need, need: Need): 'RESOURCE:GPU' | 'RESOURCE:MEMORY' | 'RESOURCE:CPU' | null {
  if (need.gpus > room.gpus) return 'RESOURCE:GPU';
  if (need.memoryMiB > room.memoryMiB) return 'RESOURCE:MEMORY';
  if (need.cpuUnits > room.cpuUnits) return 'RESOURCE:CPU';
  return null;
}

export function freeRoom(instance: Instance): Need {
  return [...instance.lives].reduce((room, { task }) => minus(room, task.need), roomOf(instance.group));
}

/** The instance as DescribeContainerInstances shows it. */
export function describeInstance(instance: Instance): { [key: string]: Wire } {
  const tasks = [...instance.lives].map(({ task }) => task);
  return {
    containerInstanceArn: instance.containerInstanceArn,
    ec2InstanceId: instance.id,
    capacityProviderName: instance.capacityProviderName ?? undefined,
    version: instance.version,
    versionInfo: {},
    registeredResources: resources(roomOf(instance.group)),
    remainingResources: resources(freeRoom(instance)),
    status: instance.status,
    agentConnected: true,
    runningTasksCount: tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length,
    pendingTasksCount: tasks.filter(({ lastStatus }) => lastStatus === 'PENDING' || lastStatus === 'ACTIVATING').length,
    attributes: [],
    attachments: [],
    registeredAt: instance.registeredAt ?? undefined,
    tags: [],
  };
}

function resources({ gpus, memoryMiB, cpuUnits }: Need): Wire {
  const integer = (name: string, value: number): Wire => ({
    name,
    type: 'INTEGER',
    doubleValue: 0,
    longValue: 0,
    integerValue: value,
  });
  const devices = Array.from({ length: Math.max(0, gpus) }, (_, index) => `GPU-${index}`);
  return [
    integer('CPU', cpuUnits),
    integer('MEMORY', memoryMiB),
    ...(devices.length === 0 ? [] : [{ name: 'GPU', type: 'STRINGSET', stringSetValue: devices }]),
  ];
}
