import type { DependencyCondition } from './schemas/task-definition-schema.ts';
import type { ContainerState } from './task.ts';

/**
 * When one container may start after another, as agent/engine/dependencygraph of amazon-ecs-agent decides it since its
 * change 3218: a dependency that was never started and never will be meets no condition, not even COMPLETE.
 */

/** Why the container can never start; null while it can. */
export function unresolvable(container: ContainerState, all: readonly ContainerState[]): string | null {
  for (const { target, condition } of dependenciesOf(container, all)) {
    if (target.lastStatus !== 'STOPPED') continue;
    const words = `failed to resolve container ordering dependency [${shown(target)}] for target [${shown(container)}]`;
    if (target.startedAt === null)
      return `CannotStartContainerError: dependency graph: ${words} because dependency will never start`;
    if (condition === 'SUCCESS' && target.exitCode !== 0)
      return `CannotStartContainerError: dependency graph: ${words} as dependency did not exit successfully.`;
  }
  return null;
}

/** Whether some dependency is not met yet. */
export function waitsFor(container: ContainerState, all: readonly ContainerState[]): boolean {
  return dependenciesOf(container, all).some(({ target, condition }) =>
    condition === 'START' ? target.lastStatus === 'PENDING' : target.lastStatus !== 'STOPPED',
  );
}

type Dependency = { target: ContainerState; condition: DependencyCondition };

function dependenciesOf(container: ContainerState, all: readonly ContainerState[]): Dependency[] {
  return (container.definition.dependsOn ?? []).flatMap(({ containerName, condition }) => {
    const target = all.find(({ definition }) => definition.name === containerName);
    return target === undefined ? [] : [{ target, condition }];
  });
}

function shown({ definition, lastStatus, exitCode }: ContainerState): string {
  const known = lastStatus === 'PENDING' ? 'NONE' : lastStatus;
  const exit = exitCode === null ? '' : ` - Exit: ${exitCode}`;
  return `${definition.name}(${definition.image}) (${known}->RUNNING)${exit}`;
}
