import {
  DYNAMO_CLIENTS_OPERATIONS,
  DYNAMO_JOB_STORE_OPERATIONS,
  ECS_TASK_RUNNER_OPERATIONS,
  REQUIRED_SETTINGS,
  S3_OBJECT_STORE_OPERATIONS,
  SQS_JOB_QUEUE_OPERATIONS,
  STAGER_MESSAGE_OPERATIONS,
  TASK_EVENTS_OPERATIONS,
} from '@bpi/adapters-aws';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { asApplied } from '../testing/applied.ts';
import { synthesizedEnvironment } from '../testing/environment.ts';
import { queueRequests, requestsOf, type World } from '../testing/iam-requests.ts';
import { isAllowed, parsePolicy, type IamRequest, type PolicyStatement } from '../testing/iam.ts';
import { all, type Body, type SynthesizedStack } from '../testing/synth-construct.ts';

/** The API deletes nothing yet, and the stager never; neither receives. */
const WITHOUT_DELETE = S3_OBJECT_STORE_OPERATIONS.filter((operation) => operation !== 's3:DeleteObjects');
/** The stager gets its objects by name and copies nothing. */
const STAGER_OPERATIONS = WITHOUT_DELETE.filter(
  (operation) => !['s3:CopyObject', 's3:ListObjectsV2'].includes(operation),
);
const SENT_BY_API = ['sqs:GetQueueAttributes', 'sqs:SendMessage'];

describe.each(['dev', 'prod'] as const)('the roles of %s', (environment) => {
  let stack: SynthesizedStack;
  let boundary: PolicyStatement[];
  let world: World;
  beforeAll(() => {
    stack = synthesizedEnvironment(environment);
    boundary = boundaryOf(synthesizedEnvironment('bootstrap', { GITHUB_REPOSITORY: 'acme/inference' }));
    world = worldOf(stack);
  });

  /** Within the boundary, as IAM takes it: both must allow. */
  function refused(role: string, requests: readonly IamRequest[]): IamRequest[] {
    const own = statementsOf(stack, `bpi-${environment}-${role}`);
    expect(own.length).toBeGreaterThan(0);
    return requests.filter((request) => !isAllowed(own, request) || !isAllowed(boundary, request));
  }

  const needs: Record<'api' | 'worker' | 'job', () => IamRequest[]> = {
    api: () => [
      ...[...DYNAMO_CLIENTS_OPERATIONS, ...DYNAMO_JOB_STORE_OPERATIONS, ...WITHOUT_DELETE].flatMap(asked),
      ...queueRequests(SENT_BY_API, world.queueArn),
    ],
    worker: () => [
      ...[...DYNAMO_JOB_STORE_OPERATIONS, ...S3_OBJECT_STORE_OPERATIONS, ...ECS_TASK_RUNNER_OPERATIONS].flatMap(asked),
      ...queueRequests(SQS_JOB_QUEUE_OPERATIONS, world.queueArn),
      ...queueRequests(TASK_EVENTS_OPERATIONS, world.taskEventsArn),
    ],
    job: () => [...STAGER_OPERATIONS.flatMap(asked), ...queueRequests(STAGER_MESSAGE_OPERATIONS, world.taskEventsArn)],
  };
  const asked = (operation: string) => requestsOf(operation, world);

  it.each(['api', 'worker', 'job'] as const)('allow what the code of the %s sends, inside the boundary', (role) => {
    expect(needs[role]().length).toBeGreaterThan(5);
    expect(refused(`${role}-task`, needs[role]())).toEqual([]);
  });

  it.each(['api', 'worker', 'job'] as const)('allow the %s no action that its code never sends', (role) => {
    const needed = new Set([...needs[role]().map(({ action }) => action), 'kms:Decrypt', 'kms:GenerateDataKey']);
    const allowed = statementsOf(stack, `bpi-${environment}-${role}-task`).flatMap(({ Action }) => Action);
    expect(allowed.filter((action) => !needed.has(action))).toEqual([]);
  });

  it('allow whoever touches data to use the environment’s key, if it has one', () => {
    const keys = Object.keys(stack.resource['aws_kms_key'] ?? {}).map((id) => arnOf(stack, 'aws_kms_key', id));
    expect(keys).toHaveLength(environment === 'prod' ? 1 : 0);
    const uses = keys.flatMap((resource) =>
      ['kms:Decrypt', 'kms:GenerateDataKey'].map((action) => ({ action, resource })),
    );
    const asked = uses.map((use) => ({ ...use, keys: { 'aws:RequestedRegion': 'us-east-1' } }));
    for (const role of ['api', 'worker', 'job']) expect(refused(`${role}-task`, asked)).toEqual([]);
  });

  it('allow what launching takes beside the operations themselves', () => {
    const actions = requestsOf('ecs:RunTask', world).map(({ action }) => action);
    expect(actions).toEqual(expect.arrayContaining([...REQUIRED_SETTINGS.launchActions]));
  });

  it.each<[string, (world: World) => IamRequest]>([
    ['job-task', ({ bucketArn }) => ({ action: 's3:GetObject', resource: `${bucketArn}/weights/model` })],
    ['job-task', ({ bucketArn }) => ({ action: 's3:DeleteObject', resource: `${bucketArn}/jobs/1/input/input.npz` })],
    ['job-task', ({ tableArn }) => ({ action: 'dynamodb:GetItem', resource: tableArn })],
    ['job-task', ({ queueArn }) => ({ action: 'sqs:SendMessage', resource: queueArn })],
    ['job-task', ({ taskEventsArn }) => ({ action: 'sqs:ReceiveMessage', resource: taskEventsArn })],
    ['api-task', ({ taskEventsArn }) => ({ action: 'sqs:SendMessage', resource: taskEventsArn })],
    ['api-task', ({ queueArn }) => ({ action: 'sqs:ReceiveMessage', resource: queueArn })],
    ['api-task', ({ definitionArns }) => ({ action: 'ecs:RunTask', resource: definitionArns[0] ?? '' })],
    ['worker-task', () => ({ action: 'iam:PassRole', resource: 'arn:aws:iam::123456789012:role/admin' })],
    [
      'worker-task',
      () => ({ action: 'ecs:RunTask', resource: 'arn:aws:ecs:us-east-1:123456789012:task-definition/other:1' }),
    ],
    [
      'worker-task',
      ({ groupArns }) => ({ action: 'autoscaling:UpdateAutoScalingGroup', resource: groupArns[0] ?? '' }),
    ],
  ])('refuse the %s what is none of its business', (role, request) => {
    expect(refused(role, [request(world)])).toHaveLength(1);
  });
});

function worldOf(stack: SynthesizedStack): World {
  const arns = (type: string) => Object.keys(stack.resource[type] ?? {}).map((id) => arnOf(stack, type, id));
  const [cluster] = all(stack, 'aws_ecs_cluster');
  const clusterName = asApplied(stack, String(cluster?.['name']));
  const queue = (end: string) => arns('aws_sqs_queue').find((arn) => arn.endsWith(end)) ?? `no queue ${end}`;
  const tableArn = one(arns('aws_dynamodb_table'));
  return {
    bucketArn: arns('aws_s3_bucket').find((arn) => /-jobs-\d{12}$/.test(arn)) ?? 'no bucket',
    tableArn,
    indexArns: ['active', 'queued'].map((index) => `${tableArn}/index/${index}`),
    queueArn: queue('-jobs'),
    taskEventsArn: queue('-task-events'),
    clusterArn: one(arns('aws_ecs_cluster')),
    clusterName,
    definitionArns: arns('aws_ecs_task_definition').filter((arn) => arn.includes('-job-')),
    groupArns: arns('aws_autoscaling_group'),
    jobRoleArns: arns('aws_iam_role').filter((arn) => /-job-(task|execution)$/.test(arn)),
  };
}

function arnOf(stack: SynthesizedStack, type: string, id: string): string {
  return asApplied(stack, `\${${type}.${id}.arn}`);
}

function one(values: readonly string[]): string {
  const [value, ...more] = values;
  if (value === undefined || more.length > 0) throw new Error(`one was expected, not ${values.length}`);
  return value;
}

/** The statements of a role's own policies. */
function statementsOf(stack: SynthesizedStack, role: string): PolicyStatement[] {
  const policies = all(stack, 'aws_iam_role_policy').map((body): Body => asApplied(stack, body));
  return policies
    .filter((policy) => policy['role'] === role)
    .flatMap((policy) => parsePolicy(String(policy['policy'])));
}

function boundaryOf(bootstrap: SynthesizedStack): PolicyStatement[] {
  const policies = all(bootstrap, 'aws_iam_policy').map((body): Body => asApplied(bootstrap, body));
  const boundary = policies.find((policy) => policy['name'] === 'bpi-boundary');
  return parsePolicy(String(boundary?.['policy']));
}
