import { describe, expect, it } from '@jest/globals';
import {
  A_SERVICE,
  arnOf,
  aTaskRole,
  containerOf,
  PLACES,
  statementsOf,
  TestNetwork,
} from '../../testing/service-parts.ts';
import { all, only, synthesizeConstruct } from '../../testing/synth-construct.ts';
import type { JobMachinery } from './worker-access.ts';
import { workerEnvironment, WorkerService } from './worker-service.ts';

const DEFINITION = '${aws_ecs_task_definition.brain.arn}';
const machinery: JobMachinery = {
  cluster: { arn: arnOf('ecs', 'cluster/bpi-test'), name: 'bpi-test' },
  taskEvents: { url: 'https://sqs.us-east-1.amazonaws.com/0/task-events', arn: arnOf('sqs', 'task-events') },
  jobTasks: [
    { key: 'brain-mri@1.0.0', arn: DEFINITION, family: 'bpi-test-job-brain-mri' },
    { key: 'second@2.1.0', arn: '${aws_ecs_task_definition.second.arn}', family: 'bpi-test-job-second' },
  ],
  jobTaskRoles: { task: 'arn:job-task', execution: 'arn:job-execution' },
  groupArns: ['arn:spot-group', 'arn:on-demand-group'],
};

const stack = synthesizeConstruct((scope, context) => {
  new WorkerService(scope, 'worker', context, {
    image: A_SERVICE.image,
    size: { cpuUnits: 256, memoryMiB: 512, tasks: 2 },
    network: new TestNetwork(scope),
    logGroupName: '/bpi/test/worker',
    executionRole: aTaskRole(scope, context, 'execution'),
    places: PLACES,
    machinery,
    after: [],
  });
});

describe('the environment of the worker', () => {
  it('says where jobs are and what they run with, and nothing that has a good default', () => {
    expect(workerEnvironment({ places: PLACES, machinery }, 'us-east-1')).toEqual({
      AWS_REGION: 'us-east-1',
      BUCKET: 'bpi-test-jobs-0',
      CLUSTER: machinery.cluster.arn,
      JOBS_TABLE: 'bpi-test-jobs',
      JOB_QUEUE_URL: PLACES.jobQueue.url,
      METRICS_NAMESPACE: 'BiomedParseInference/test',
      POOLS: 'bpi-test-gpu-spot=2,bpi-test-gpu-on-demand=1',
      RETENTION_INPUT_DAYS: '14',
      RETENTION_LOGS_DAYS: '21',
      RETENTION_RECORD_DAYS: '400',
      RETENTION_RESULT_DAYS: '90',
      TASK_DEFINITIONS: `{"brain-mri@1.0.0":"${DEFINITION}","second@2.1.0":"\${aws_ecs_task_definition.second.arn}"}`,
      TASK_EVENTS_QUEUE_URL: machinery.taskEvents.url,
    });
  });

  it('is what its container gets, references to task definitions whole', () => {
    const given = containerOf(stack)['environment'] as { name: string; value: string }[];
    expect(Object.fromEntries(given.map(({ name, value }) => [name, value]))).toEqual(
      workerEnvironment({ places: PLACES, machinery }, 'us-east-1'),
    );
  });
});

describe('the worker on Fargate', () => {
  it('takes no requests and writes no file', () => {
    expect(all(stack, 'aws_vpc_security_group_ingress_rule')).toEqual([]);
    expect(containerOf(stack)).toMatchObject({ portMappings: [], mountPoints: [], readonlyRootFilesystem: true });
  });

  it('is asked for its health on loopback', () => {
    expect(containerOf(stack)['healthCheck']).toMatchObject({
      command: expect.arrayContaining([expect.stringContaining('127.0.0.1:8081/health/live')]),
    });
  });

  it('runs as often as it was asked to', () => {
    expect(only(stack, 'aws_ecs_service')).toMatchObject({ name: 'bpi-test-worker', desired_count: 2 });
  });
});

describe('the role of the worker', () => {
  const inCluster = { ArnEquals: { 'ecs:cluster': machinery.cluster.arn } };
  const { table, bucket, jobQueue } = PLACES;

  it('allows exactly what it calls, each action on exactly its resources', () => {
    const statements = statementsOf(stack, 'worker-task');
    expect(Object.fromEntries(statements.map(({ Sid, Action, Resource }) => [Sid, { Action, Resource }]))).toEqual({
      ReadAndWriteJobs: {
        Action: [
          'dynamodb:BatchGetItem',
          'dynamodb:GetItem',
          'dynamodb:PutItem',
          'dynamodb:Query',
          'dynamodb:UpdateItem',
        ],
        Resource: [table.arn],
      },
      FindActiveJobs: { Action: ['dynamodb:Query'], Resource: table.indexArns },
      ReadAndWriteObjects: {
        Action: ['s3:AbortMultipartUpload', 's3:DeleteObject', 's3:GetObject', 's3:PutObject', 's3:PutObjectTagging'],
        Resource: [`${bucket.arn}/jobs/*`],
      },
      ListObjects: { Action: ['s3:ListBucket'], Resource: [bucket.arn] },
      TakeWakeUps: {
        Action: [
          'sqs:ChangeMessageVisibility',
          'sqs:DeleteMessage',
          'sqs:GetQueueAttributes',
          'sqs:ReceiveMessage',
          'sqs:SendMessage',
        ],
        Resource: [jobQueue.arn],
      },
      TakeTaskEvents: { Action: ['sqs:DeleteMessage', 'sqs:ReceiveMessage'], Resource: [machinery.taskEvents.arn] },
      LaunchJobTasks: {
        Action: ['ecs:RunTask'],
        Resource: [
          arnOf('ecs', 'task-definition/bpi-test-job-brain-mri:*'),
          arnOf('ecs', 'task-definition/bpi-test-job-second:*'),
        ],
      },
      TagWhatIsLaunched: { Action: ['ecs:TagResource'], Resource: [arnOf('ecs', 'task/bpi-test/*')] },
      HandOnTheRolesOfJobTasks: { Action: ['iam:PassRole'], Resource: ['arn:job-task', 'arn:job-execution'] },
      SeeAndStopTasks: { Action: ['ecs:DescribeTasks', 'ecs:StopTask'], Resource: [arnOf('ecs', 'task/bpi-test/*')] },
      AnyResourceForTheListOfTasks: { Action: ['ecs:ListTasks'], Resource: ['*'] },
      FindMachines: { Action: ['ecs:ListContainerInstances'], Resource: [machinery.cluster.arn] },
      DrainMachines: {
        Action: ['ecs:DescribeContainerInstances', 'ecs:UpdateContainerInstancesState'],
        Resource: [arnOf('ecs', 'container-instance/bpi-test/*')],
      },
      EndMachinesThatDoNotObey: {
        Action: ['autoscaling:TerminateInstanceInAutoScalingGroup'],
        Resource: ['arn:spot-group', 'arn:on-demand-group'],
      },
    });
  });

  it('keeps it to its own cluster, to launches, and to roles that it hands to tasks', () => {
    const conditions = statementsOf(stack, 'worker-task').flatMap(({ Sid, Condition }) =>
      Condition === undefined ? [] : [[Sid, Condition]],
    );
    expect(Object.fromEntries(conditions)).toEqual({
      ListObjects: { StringLikeIfExists: { 's3:prefix': 'jobs/*' } },
      LaunchJobTasks: inCluster,
      TagWhatIsLaunched: { StringEquals: { 'ecs:CreateAction': 'RunTask' } },
      HandOnTheRolesOfJobTasks: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
      SeeAndStopTasks: inCluster,
      AnyResourceForTheListOfTasks: inCluster,
      DrainMachines: inCluster,
    });
  });
});
