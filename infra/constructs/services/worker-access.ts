import { objectAccess } from '../object-access.ts';
import { allow, type Statement } from '../policy.ts';
import { tableAccess, type JobPlaces } from './service-access.ts';
import type { StackContext } from '../stack-context.ts';

/** What the worker runs jobs with. */
export type JobMachinery = {
  cluster: { arn: string; name: string };
  taskEvents: { url: string; arn: string };
  /** `key` is `model@version`, `arn` one revision. */
  jobTasks: readonly { key: string; arn: string; family: string }[];
  /** ARNs of the two roles that every job task has. */
  jobTaskRoles: { task: string; execution: string };
  /** Auto Scaling groups of the pools. */
  groupArns: readonly string[];
};

type Place = Pick<StackContext, 'region' | 'accountId'>;

/** What the worker may do: exactly what its adapters call (`*_OPERATIONS` of `@bpi/adapters-aws`). */
export function workerStatements(places: JobPlaces, machinery: JobMachinery, place: Place): Statement[] {
  return [
    ...tableAccess(places),
    ...objectAccess(places.bucket.arn, ['s3:DeleteObject']),
    allow({
      sid: 'TakeWakeUps',
      actions: [
        'sqs:ChangeMessageVisibility',
        'sqs:DeleteMessage',
        'sqs:GetQueueAttributes',
        'sqs:ReceiveMessage',
        'sqs:SendMessage',
      ],
      resources: [places.jobQueue.arn],
    }),
    allow({
      sid: 'TakeTaskEvents',
      actions: ['sqs:DeleteMessage', 'sqs:ReceiveMessage'],
      resources: [machinery.taskEvents.arn],
    }),
    ...launchStatements(machinery, place),
    ...taskStatements(machinery, place),
    ...machineStatements(machinery, place),
  ];
}

/** Any revision of a family, since a claim pins the one that was newest then; and no other roles than its own two. */
function launchStatements({ cluster, jobTasks, jobTaskRoles }: JobMachinery, place: Place): Statement[] {
  return [
    allow({
      sid: 'LaunchJobTasks',
      actions: ['ecs:RunTask'],
      resources: jobTasks.map(({ family }) => ecsArn(place, `task-definition/${family}:*`)),
      condition: inCluster(cluster.arn),
    }),
    allow({
      sid: 'TagWhatIsLaunched',
      actions: ['ecs:TagResource'],
      resources: [ecsArn(place, `task/${cluster.name}/*`)],
      condition: { StringEquals: { 'ecs:CreateAction': 'RunTask' } },
    }),
    allow({
      sid: 'HandOnTheRolesOfJobTasks',
      actions: ['iam:PassRole'],
      resources: [jobTaskRoles.task, jobTaskRoles.execution],
      condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    }),
  ];
}

function taskStatements({ cluster }: JobMachinery, place: Place): Statement[] {
  const condition = inCluster(cluster.arn);
  return [
    allow({
      sid: 'SeeAndStopTasks',
      actions: ['ecs:DescribeTasks', 'ecs:StopTask'],
      resources: [ecsArn(place, `task/${cluster.name}/*`)],
      condition,
    }),
    allow({
      sid: 'AnyResourceForTheListOfTasks',
      actions: ['ecs:ListTasks'],
      resources: ['*'],
      condition,
      wildcardBecause:
        'a list that is not of one container instance has no resource; the condition keeps it to the cluster, as in ' +
        '"Identity-based policy examples for Amazon Elastic Container Service"',
    }),
  ];
}

function machineStatements({ cluster, groupArns }: JobMachinery, place: Place): Statement[] {
  return [
    allow({ sid: 'FindMachines', actions: ['ecs:ListContainerInstances'], resources: [cluster.arn] }),
    allow({
      sid: 'DrainMachines',
      actions: ['ecs:DescribeContainerInstances', 'ecs:UpdateContainerInstancesState'],
      resources: [ecsArn(place, `container-instance/${cluster.name}/*`)],
      condition: inCluster(cluster.arn),
    }),
    allow({
      sid: 'EndMachinesThatDoNotObey',
      actions: ['autoscaling:TerminateInstanceInAutoScalingGroup'],
      resources: groupArns,
    }),
  ];
}

function inCluster(clusterArn: string) {
  return { ArnEquals: { 'ecs:cluster': clusterArn } };
}

function ecsArn({ region, accountId }: Place, resource: string): string {
  return `arn:aws:ecs:${region}:${accountId}:${resource}`;
}
