import { TerminateInstanceInAutoScalingGroupCommand, type AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import {
  DescribeContainerInstancesCommand,
  DescribeTasksCommand,
  ListContainerInstancesCommand,
  ListTasksCommand,
  StopTaskCommand,
  UpdateContainerInstancesStateCommand,
  type ECSClient,
  type ListTasksCommandInput,
} from '@aws-sdk/client-ecs';
import { AwsError, isErrorNamed, throwAwsError } from '../aws-error.ts';
import type { AwsOperation } from '../aws-operation.ts';
import { parseEcsTask, type EcsTask } from './ecs-task.ts';

/** Every command the runner sends to ECS and Auto Scaling. */
export const ECS_TASK_RUNNER_OPERATIONS: readonly AwsOperation[] = [
  'autoscaling:TerminateInstanceInAutoScalingGroup',
  'ecs:DescribeContainerInstances',
  'ecs:DescribeTasks',
  'ecs:ListContainerInstances',
  'ecs:ListTasks',
  'ecs:RunTask',
  'ecs:StopTask',
  'ecs:UpdateContainerInstancesState',
];

/** ECS's own limit for one DescribeTasks and one page of a list. */
const TASKS_PER_CALL_MAX = 100;
/** Far more tasks than ECS remembers for pools of this size; what is left comes with the next sweep. */
const PAGES_MAX = 50;

/** Thin senders: one call each, its answer in our words, its errors as AwsError. */
export class EcsCalls {
  readonly ecs: ECSClient;
  readonly #autoScaling: AutoScalingClient;
  readonly #cluster: string;

  constructor(clients: { ecs: ECSClient; autoScaling: AutoScalingClient }, cluster: string) {
    this.ecs = clients.ecs;
    this.#autoScaling = clients.autoScaling;
    this.#cluster = cluster;
  }

  /** Those that ECS knows, in any order. */
  async describeTasks(taskArns: readonly string[]): Promise<EcsTask[]> {
    const found: EcsTask[] = [];
    for (let from = 0; from < taskArns.length; from += TASKS_PER_CALL_MAX) {
      const tasks = taskArns.slice(from, from + TASKS_PER_CALL_MAX);
      const answer = await this.ecs
        .send(new DescribeTasksCommand({ cluster: this.#cluster, tasks }))
        .catch((error: unknown) => throwAwsError('DescribeTasks', error));
      for (const task of answer.tasks ?? []) {
        const parsed = parseEcsTask(task);
        // Left out it would count as missing, and its attempt as over.
        if (parsed === null) throw new AwsError('DescribeTasks', { name: 'TaskNotUnderstood' });
        found.push(parsed);
      }
    }
    return found;
  }

  async listTaskArns(filter: Omit<ListTasksCommandInput, 'cluster' | 'nextToken' | 'maxResults'>): Promise<string[]> {
    const arns: string[] = [];
    let nextToken: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const answer = await this.ecs
        .send(new ListTasksCommand({ cluster: this.#cluster, ...filter, nextToken }))
        .catch((error: unknown) => throwAwsError('ListTasks', error));
      arns.push(...(answer.taskArns ?? []));
      nextToken = answer.nextToken;
      if (nextToken === undefined) break;
    }
    return arns;
  }

  /** A task that ECS does not know any more is stopped enough. */
  async stopTask(taskArn: string, reason: string): Promise<void> {
    await this.ecs
      .send(new StopTaskCommand({ cluster: this.#cluster, task: taskArn, reason }))
      .catch((error: unknown) => unlessUnknown('StopTask', error));
  }

  async containerInstancesOf(instanceId: string): Promise<string[]> {
    const answer = await this.ecs
      .send(new ListContainerInstancesCommand({ cluster: this.#cluster, filter: `ec2InstanceId == ${instanceId}` }))
      .catch((error: unknown) => throwAwsError('ListContainerInstances', error));
    return answer.containerInstanceArns ?? [];
  }

  /** No task is placed on them any more. */
  async drain(containerInstances: string[]): Promise<void> {
    await this.ecs
      .send(
        new UpdateContainerInstancesStateCommand({ cluster: this.#cluster, containerInstances, status: 'DRAINING' }),
      )
      .catch((error: unknown) => throwAwsError('UpdateContainerInstancesState', error));
  }

  /** Null if it is gone. */
  async instanceOf(containerInstanceArn: string): Promise<string | null> {
    const containerInstances = [containerInstanceArn];
    const answer = await this.ecs
      .send(new DescribeContainerInstancesCommand({ cluster: this.#cluster, containerInstances }))
      .catch((error: unknown) => throwAwsError('DescribeContainerInstances', error));
    return answer.containerInstances?.[0]?.ec2InstanceId ?? null;
  }

  /** The group gets smaller by it: it grows again when a task waits. An instance that is gone is fine. */
  async terminateInstance(instanceId: string): Promise<void> {
    await this.#autoScaling
      .send(
        new TerminateInstanceInAutoScalingGroupCommand({
          InstanceId: instanceId,
          ShouldDecrementDesiredCapacity: true,
        }),
      )
      .catch((error: unknown) => unlessUnknown('TerminateInstanceInAutoScalingGroup', error));
  }
}

/** ECS and Auto Scaling say "not found" by the names of a wrong parameter; only their words tell it from others. */
function unlessUnknown(operation: string, error: unknown): null {
  const isUnknown = error instanceof Error && /not found/i.test(error.message);
  if (isUnknown && isErrorNamed(error, 'InvalidParameterException', 'ValidationError')) return null;
  return throwAwsError(operation, error);
}
