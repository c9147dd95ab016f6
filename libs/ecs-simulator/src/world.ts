import type { Arns } from './arns.ts';
import type { AutoScalingGroup } from './auto-scaling-group.ts';
import type { ClientTokens } from './client-tokens.ts';
import type { Clusters } from './clusters.ts';
import type { EcsEvent } from './events/event.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { Instance } from './instance.ts';
import type { Settings } from './settings.ts';
import type { TaskDefinitions } from './task-definitions.ts';
import type { TaskLifeDeps } from './task-life.ts';
import type { Tasks } from './tasks.ts';
import type { Wire } from './wire.ts';

/** Members of an answer, by their names on the wire. */
export type Answer = { readonly [key: string]: Wire };

/** Everything that operations read and change. */
export type World = {
  readonly settings: Settings;
  readonly arns: Arns;
  readonly groups: ReadonlyMap<string, AutoScalingGroup>;
  readonly clusters: Clusters;
  readonly definitions: TaskDefinitions;
  readonly tasks: Tasks;
  readonly tokens: ClientTokens<Answer>;
  readonly life: TaskLifeDeps;
  /** Reasons of RunTask failures that a test has ordered, one per task. */
  readonly orderedFailures: string[];
  faults: FaultPlan | null;
  emit(event: EcsEvent): void;
  /** Runs `act` after a while, unless the simulator is closed. */
  after(delayMs: number, act: () => void): void;
};

export function instancesOf({ groups }: Pick<World, 'groups'>): Instance[] {
  return [...groups.values()].flatMap(({ instances }) => [...instances.values()]);
}

/** Those that have registered with the cluster. */
export function containerInstancesOf(world: World, clusterName: string): Instance[] {
  return [...world.groups.values()]
    .filter((group) => group.clusterName === clusterName)
    .flatMap(({ instances }) => [...instances.values()])
    .filter(({ lifecycle }) => lifecycle !== 'Pending');
}
