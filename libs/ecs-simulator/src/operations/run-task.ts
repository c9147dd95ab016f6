import { randomBytes } from 'node:crypto';
import { newEcsId } from '../arns.ts';
import type { AutoScalingGroup } from '../auto-scaling-group.ts';
import type { Cluster } from '../clusters.ts';
import { needOf } from '../container-plan.ts';
import { clientError, EcsError, invalidParameter } from '../ecs-error.ts';
import { runTask, type RunTaskInput } from '../schemas/request-schemas.ts';
import type { ContainerDefinition } from '../schemas/task-definition-schema.ts';
import { describeTask, type ContainerState, type Task } from '../task.ts';
import type { TaskDefinition } from '../task-definitions.ts';
import { TaskLife } from '../task-life.ts';
import { containerInstancesOf, type Answer, type World } from '../world.ts';
import { operation } from './operation.ts';

const COUNT_MAX = 10;
const OVERRIDES_LENGTH_MAX = 8_192;
const STARTED_BY = /^[A-Za-z0-9/_-]{1,128}$/;
const CLIENT_TOKEN = /^[\x21-\x7e]{1,64}$/;

/** Where one task is to go. */
type Target = { group: AutoScalingGroup; capacityProviderName: string | null; waits: boolean };

export const runTaskOperation = operation(runTask, (world, input) => {
  const cluster = world.clusters.get(input.cluster);
  checkWords(input);
  const { clientToken, ...parameters } = input;
  const earlier = clientToken === undefined ? null : world.tokens.recall(cluster.arn, clientToken, parameters);
  if (earlier !== null) return earlier;
  const definition = world.definitions.active(input.taskDefinition);
  checkOverrides(input, definition);
  const targets = targetsOf(world, cluster, input);
  checkProvisioning(world, targets);
  const { answer, tasks } = startAll(world, { cluster, definition, input, targets });
  // An answer that started nothing is not kept: the same call may find room later.
  if (clientToken !== undefined && tasks.length > 0)
    world.tokens.remember(cluster.arn, clientToken, { parameters, answer, tasks });
  return answer;
});

function checkWords({ count = 1, startedBy, clientToken, overrides, propagateTags, ...input }: RunTaskInput): void {
  if (count < 1 || count > COUNT_MAX) throw invalidParameter(`count must be 1 to ${COUNT_MAX}.`);
  if (startedBy !== undefined && !STARTED_BY.test(startedBy))
    throw invalidParameter('startedBy must be at most 128 letters, digits, /, _ or -.');
  if (clientToken !== undefined && !CLIENT_TOKEN.test(clientToken))
    throw invalidParameter('clientToken must be at most 64 characters of ASCII 33 to 126.');
  if (overrides !== undefined && JSON.stringify(overrides).length > OVERRIDES_LENGTH_MAX)
    throw invalidParameter(`Container overrides length must be at most ${OVERRIDES_LENGTH_MAX}.`);
  if (propagateTags === 'SERVICE') throw invalidParameter('propagateTags SERVICE is for services only.');
  if (input.launchType !== undefined && input.capacityProviderStrategy !== undefined)
    throw invalidParameter('Specify either launchType or capacityProviderStrategy, not both.');
  if (input.launchType !== undefined && input.launchType !== 'EC2')
    throw new EcsError('UnsupportedFeatureException', 'Only the launch type EC2 is simulated.');
}

function checkOverrides({ overrides }: RunTaskInput, { input }: TaskDefinition): void {
  const names = input.containerDefinitions.map(({ name }) => name);
  for (const { name } of overrides?.containerOverrides ?? [])
    if (!names.includes(name))
      throw invalidParameter('Override for a container that is not in the task definition: correct its name.');
}

function targetsOf(world: World, cluster: Cluster, input: RunTaskInput): Target[] {
  const { count = 1, launchType, capacityProviderStrategy } = input;
  const strategy = capacityProviderStrategy ?? (launchType === undefined ? cluster.defaultStrategy : []);
  if (strategy.length > 0 || capacityProviderStrategy !== undefined)
    return world.clusters.distribute(cluster, strategy, count).map(({ group, name, managedScaling }) => ({
      group,
      capacityProviderName: name,
      waits: managedScaling,
    }));
  const instances = containerInstancesOf(world, cluster.name);
  if (instances.length === 0) throw invalidParameter('No Container Instances were found in your cluster.');
  const groups = new Set(instances.map(({ group }) => group.name));
  const [group] = [...world.groups.values()].filter(({ settings }) => groups.has(settings.name));
  if (group === undefined) throw invalidParameter('No Container Instances were found in your cluster.');
  return Array.from({ length: count }, () => ({ group, capacityProviderName: null, waits: false }));
}

function checkProvisioning(world: World, targets: readonly Target[]): void {
  const waiting = [...world.groups.values()].reduce((sum, { waitingCount }) => sum + waitingCount, 0);
  const added = targets.filter(({ waits }) => waits).length;
  if (waiting + added > world.settings.provisioningTasksMax)
    throw clientError('You have reached the limit on the number of tasks in the PROVISIONING state.');
}

type Start = { cluster: Cluster; definition: TaskDefinition; input: RunTaskInput; targets: readonly Target[] };

function startAll(world: World, start: Start): { answer: Answer; tasks: Task[] } {
  const tasks: Task[] = [];
  const failures: { arn: string; reason: string }[] = [];
  for (const target of start.targets) {
    const need = needOf(start.definition.input, start.input.overrides ?? {});
    const refusal = world.orderedFailures.shift() ?? (target.waits ? null : target.group.obstacleTo(need));
    if (refusal !== null) {
      failures.push({ arn: world.arns.cluster(start.cluster.name), reason: refusal });
      continue;
    }
    const task = newTask(world, start, target);
    const life = new TaskLife(task, world.life);
    world.tasks.add(life);
    tasks.push(task);
    if (target.waits) target.group.provision(life);
    else target.group.placeNow(life);
  }
  const described = tasks.map((task) => describeTask(task, world.arns, true));
  return { answer: { tasks: described, failures }, tasks };
}

function newTask(world: World, { cluster, definition, input }: Start, target: Target): Task {
  const id = newEcsId();
  const overrides = input.overrides ?? {};
  const inherited = input.propagateTags === 'TASK_DEFINITION' ? (definition.input.tags ?? []) : [];
  return {
    arn: world.arns.task(cluster.name, id),
    id,
    clusterArn: cluster.arn,
    definition,
    containers: definition.input.containerDefinitions.map((container) =>
      newContainer(world.arns.container(cluster.name, id, newEcsId()), container),
    ),
    overrides,
    need: needOf(definition.input, overrides),
    startedBy: input.startedBy ?? null,
    group: input.group ?? `family:${definition.family}`,
    tags: [...inherited.filter(({ key }) => !input.tags?.some((tag) => tag.key === key)), ...(input.tags ?? [])],
    capacityProviderName: target.capacityProviderName,
    createdAt: new Date(world.settings.nowMs()),
    fate: world.faults?.forTask() ?? 'obeys',
    lastStatus: 'PROVISIONING',
    desiredStatus: 'RUNNING',
    version: 0,
    containerInstanceArn: null,
    stopCode: null,
    stoppedReason: null,
    pullStartedAt: null,
    pullStoppedAt: null,
    startedAt: null,
    stoppingAt: null,
    executionStoppedAt: null,
    stoppedAt: null,
  };
}

function newContainer(arn: string, definition: ContainerDefinition): ContainerState {
  return {
    arn,
    definition,
    metadataToken: randomBytes(16).toString('hex'),
    lastStatus: 'PENDING',
    exitCode: null,
    reason: null,
    runtimeId: null,
    imageDigest: null,
    createdAt: null,
    startedAt: null,
    finishedAt: null,
  };
}
