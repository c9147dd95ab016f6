import { clientError, type EcsError } from './ecs-error.ts';
import type { ContainerDefinition, TaskDefinitionInput } from './schemas/task-definition-schema.ts';

/** ECS holds numbers in 32 bits with a sign. */
const INTEGER_MAX = 2 ** 31 - 1;

/** What a schema cannot say about a task definition. Throws ClientException for the first rule that is broken. */
export function checkTaskDefinition(definition: TaskDefinitionInput): void {
  const { containerDefinitions: containers, volumes = [] } = definition;
  const byName = new Map(containers.map((container) => [container.name, container]));
  if (byName.size !== containers.length) throw clientError('Container names must be unique in a task definition.');
  if (!containers.some(isEssential)) throw clientError('A task definition must have at least one essential container.');
  const volumeNames = new Set(volumes.map(({ name }) => name));
  if (volumeNames.size !== volumes.length) throw clientError('Volume names must be unique in a task definition.');
  for (const container of containers) {
    checkMemory(container, definition);
    for (const { sourceVolume } of container.mountPoints ?? [])
      if (!volumeNames.has(sourceVolume))
        throw wrong(container, 'Unknown volume in mountPoints: declare it in volumes.');
    for (const { hardLimit, softLimit } of container.ulimits ?? [])
      if (hardLimit > INTEGER_MAX) throw wrong(container, 'A ulimit must be an integer of 32 bits.');
      else if (softLimit > hardLimit)
        throw wrong(container, 'The soft limit of a ulimit must not exceed its hard limit.');
    checkDependencies(container, byName);
  }
  if (hasCycle(containers)) throw clientError('The dependencies between containers form a cycle.');
}

/** A container is essential unless it says otherwise. */
export const isEssential = ({ essential }: Pick<ContainerDefinition, 'essential'>): boolean => essential !== false;

function checkMemory(container: ContainerDefinition, definition: TaskDefinitionInput): void {
  const { memory, memoryReservation } = container;
  if (memory === undefined && memoryReservation === undefined && definition.memory === undefined)
    throw wrong(container, "At least one of 'memory' or 'memoryReservation' must be specified.");
  if (memory !== undefined && memoryReservation !== undefined && memoryReservation >= memory)
    throw wrong(container, "'memory' must be greater than 'memoryReservation'.");
}

function checkDependencies(container: ContainerDefinition, byName: ReadonlyMap<string, ContainerDefinition>): void {
  for (const { containerName, condition } of container.dependsOn ?? []) {
    const target = byName.get(containerName);
    if (target === undefined) throw wrong(container, 'It depends on a container that is not in the task definition.');
    if (condition === 'HEALTHY') throw wrong(container, 'HEALTHY is not simulated: use START, COMPLETE or SUCCESS.');
    if (condition !== 'START' && isEssential(target))
      throw wrong(container, `A container with a ${condition} dependency on it must not be essential.`);
  }
}

function hasCycle(containers: readonly ContainerDefinition[]): boolean {
  const settled = new Set<string>();
  for (;;) {
    const ready = containers.filter(
      ({ name, dependsOn = [] }) => !settled.has(name) && dependsOn.every((on) => settled.has(on.containerName)),
    );
    if (ready.length === 0) return settled.size < containers.length;
    for (const { name } of ready) settled.add(name);
  }
}

const wrong = (container: ContainerDefinition, message: string): EcsError =>
  clientError(`Invalid setting for container '${container.name}'. ${message}`);
