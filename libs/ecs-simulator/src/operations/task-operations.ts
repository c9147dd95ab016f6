import { lastPart } from '../arns.ts';
import { invalidParameter } from '../ecs-error.ts';
import { pageOf } from '../page.ts';
import * as schemas from '../schemas/request-schemas.ts';
import { describeTask, type Task } from '../task.ts';
import { operation } from './operation.ts';

const DESCRIBED_MAX = 100;
const REASON_LENGTH_MAX = 255;

export const taskOperations = {
  /** The answer shows what is wanted; what becomes of it comes later. */
  StopTask: operation(schemas.stopTask, (world, input) => {
    const cluster = world.clusters.get(input.cluster);
    const reason = input.reason ?? 'Task stopped by user';
    if (reason.length > REASON_LENGTH_MAX)
      throw invalidParameter(`The reason must have at most ${REASON_LENGTH_MAX} characters.`);
    const life = world.tasks.find(cluster.arn, input.task);
    if (life === null) throw invalidParameter('The referenced task was not found.');
    life.stop('UserInitiated', reason);
    return { task: describeTask(life.task, world.arns, false) };
  }),

  DescribeTasks: operation(schemas.describeTasks, (world, { cluster: reference, tasks, include }) => {
    const cluster = world.clusters.get(reference);
    if (tasks.length === 0) throw invalidParameter('Tasks cannot be empty.');
    if (tasks.length > DESCRIBED_MAX) throw invalidParameter(`Tasks must have at most ${DESCRIBED_MAX} elements.`);
    const found = tasks.map((task) => ({ task, life: world.tasks.find(cluster.arn, task) }));
    const withTags = include?.includes('TAGS') ?? false;
    return {
      tasks: found.flatMap(({ life }) => (life === null ? [] : [describeTask(life.task, world.arns, withTags)])),
      failures: found
        .filter(({ life }) => life === null)
        .map(({ task }) => ({ arn: world.arns.task(cluster.name, lastPart(task)), reason: 'MISSING' })),
    };
  }),

  ListTasks: operation(schemas.listTasks, (world, input) => {
    const cluster = world.clusters.get(input.cluster);
    checkFilters(input);
    const arns = world.tasks
      .all()
      .map(({ task }) => task)
      .filter((task) => task.clusterArn === cluster.arn && isWanted(task, input))
      .map(({ arn }) => arn);
    const { page, nextToken } = pageOf(arns, input);
    return { taskArns: page, nextToken };
  }),
};

/** "When you specify startedBy as the filter, it must be the only filter that you use." (API reference) */
function checkFilters({
  startedBy,
  family,
  containerInstance,
  desiredStatus,
  launchType,
}: schemas.ListTasksInput): void {
  const others = [family, containerInstance, desiredStatus, launchType].some((filter) => filter !== undefined);
  if (startedBy !== undefined && others)
    throw invalidParameter('startedBy must be the only filter besides the cluster: leave the others out.');
}

/** Without a desired status only tasks that are to run are listed, as in ECS; PENDING is never a desired status. */
function isWanted(task: Task, filters: schemas.ListTasksInput): boolean {
  const { startedBy, family, containerInstance, desiredStatus = 'RUNNING', launchType = 'EC2' } = filters;
  return (
    task.desiredStatus === desiredStatus &&
    launchType === 'EC2' &&
    (startedBy === undefined || task.startedBy === startedBy) &&
    (family === undefined || task.definition.family === family) &&
    (containerInstance === undefined ||
      (task.containerInstanceArn !== null && lastPart(task.containerInstanceArn) === lastPart(containerInstance)))
  );
}
