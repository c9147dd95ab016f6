import type { ContainerSnapshot, TokenSnapshot } from './metadata/task-snapshot.ts';
import type { ContainerState, Task } from './task.ts';
import type { Tasks } from './tasks.ts';

/** What the container with this token sees of its task through the metadata endpoint. */
export async function snapshotOf(tasks: Tasks, token: string, region: string): Promise<TokenSnapshot | null> {
  for (const life of tasks.remaining) {
    const asker = life.task.containers.find(({ metadataToken }) => metadataToken === token);
    if (asker === undefined) continue;
    await life.startSettled(asker);
    return { task: taskSnapshot(life.task, region), containerName: asker.definition.name };
  }
  return null;
}

function taskSnapshot(task: Task, region: string): TokenSnapshot['task'] {
  return {
    clusterArn: task.clusterArn,
    taskArn: task.arn,
    family: task.definition.family,
    revision: task.definition.revision,
    desiredStatus: task.desiredStatus,
    availabilityZone: `${region}a`,
    launchType: 'EC2',
    containers: task.containers.map(containerSnapshot),
  };
}

function containerSnapshot(container: ContainerState): ContainerSnapshot {
  return {
    name: container.definition.name,
    image: container.definition.image,
    imageDigest: container.imageDigest,
    runtimeId: container.runtimeId,
    lastStatus: container.lastStatus,
    exitCode: container.exitCode,
    createdAtMs: container.createdAt?.getTime() ?? null,
    startedAtMs: container.startedAt?.getTime() ?? null,
    finishedAtMs: container.finishedAt?.getTime() ?? null,
  };
}
