import type { IamRequest } from './iam.ts';

/** ARNs of what one environment has, as they are after `apply`. */
export type World = {
  bucketArn: string;
  tableArn: string;
  indexArns: readonly string[];
  queueArn: string;
  taskEventsArn: string;
  clusterArn: string;
  clusterName: string;
  definitionArns: string[];
  groupArns: string[];
  jobRoleArns: string[];
};

const KEY = 'jobs/0d8f3c1e-9a71-4b0e-8f5e-3f6f4f1a2b3c/input/input.npz';
const ID = '0123456789abcdef0123456789abcdef';

/**
 * What IAM is asked when the SDK sends an operation, each line from "Actions, resources, and condition keys" of its
 * service. An operation that is not here was added to an adapter without a thought about who may send it.
 */
const REQUESTS: Readonly<Record<string, (world: World) => IamRequest[]>> = {
  'autoscaling:TerminateInstanceInAutoScalingGroup': ({ groupArns }) =>
    groupArns.map((resource) => ({ action: 'autoscaling:TerminateInstanceInAutoScalingGroup', resource })),
  'dynamodb:BatchGetItem': ({ tableArn }) => [{ action: 'dynamodb:BatchGetItem', resource: tableArn }],
  'dynamodb:GetItem': ({ tableArn }) => [{ action: 'dynamodb:GetItem', resource: tableArn }],
  'dynamodb:PutItem': ({ tableArn }) => [{ action: 'dynamodb:PutItem', resource: tableArn }],
  'dynamodb:UpdateItem': ({ tableArn }) => [{ action: 'dynamodb:UpdateItem', resource: tableArn }],
  // Active jobs are found by the index, API keys in the table.
  'dynamodb:Query': ({ tableArn, indexArns }) =>
    [tableArn, ...indexArns].map((resource) => ({ action: 'dynamodb:Query', resource })),
  // Allowed by what it contains.
  'dynamodb:TransactWriteItems': ({ tableArn }) =>
    ['dynamodb:PutItem', 'dynamodb:UpdateItem'].map((action) => ({ action, resource: tableArn })),
  'ecs:DescribeContainerInstances': (world) => [{ action: 'ecs:DescribeContainerInstances', ...instance(world) }],
  'ecs:DescribeTasks': (world) => [{ action: 'ecs:DescribeTasks', ...task(world) }],
  'ecs:ListContainerInstances': ({ clusterArn }) => [{ action: 'ecs:ListContainerInstances', resource: clusterArn }],
  // Without an instance in the request its resource is any.
  'ecs:ListTasks': ({ clusterArn }) => [
    { action: 'ecs:ListTasks', resource: '*', keys: { 'ecs:cluster': clusterArn } },
  ],
  'ecs:RunTask': (world) => [
    ...world.definitionArns.map((resource) => ({
      action: 'ecs:RunTask',
      resource,
      keys: { 'ecs:cluster': world.clusterArn },
    })),
    {
      action: 'ecs:TagResource',
      resource: task(world).resource,
      keys: { 'ecs:cluster': world.clusterArn, 'ecs:CreateAction': 'RunTask' },
    },
    ...world.jobRoleArns.map((resource) => ({
      action: 'iam:PassRole',
      resource,
      keys: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' },
    })),
  ],
  'ecs:StopTask': (world) => [{ action: 'ecs:StopTask', ...task(world) }],
  'ecs:UpdateContainerInstancesState': (world) => [{ action: 'ecs:UpdateContainerInstancesState', ...instance(world) }],
  's3:AbortMultipartUpload': (world) => [{ action: 's3:AbortMultipartUpload', resource: object(world) }],
  's3:CompleteMultipartUpload': (world) => [{ action: 's3:PutObject', resource: object(world) }],
  's3:CopyObject': (world) => [{ action: 's3:GetObject', resource: object(world) }, ...put(world)],
  's3:CreateMultipartUpload': (world) => put(world),
  's3:DeleteObjects': (world) => [{ action: 's3:DeleteObject', resource: object(world) }],
  's3:GetObject': (world) => [{ action: 's3:GetObject', resource: object(world) }, missing(world)],
  's3:HeadObject': (world) => [{ action: 's3:GetObject', resource: object(world) }, missing(world)],
  's3:ListObjectsV2': ({ bucketArn }) => [
    { action: 's3:ListBucket', resource: bucketArn, keys: { 's3:prefix': 'jobs/' } },
  ],
  's3:PutObject': (world) => put(world),
  's3:UploadPart': (world) => [{ action: 's3:PutObject', resource: object(world) }],
};

/** @throws Error for an operation that the table lacks */
export function requestsOf(operation: string, world: World): IamRequest[] {
  const requests = REQUESTS[operation];
  if (requests === undefined) throw new Error(`Nobody said what ${operation} asks of IAM: add it to REQUESTS.`);
  return requests(world).map(withCaller);
}

/** Operations of a queue are what they are called, on one queue or the other. */
export function queueRequests(operations: readonly string[], queueArn: string): IamRequest[] {
  return operations.map((action) => withCaller({ action, resource: queueArn }));
}

/** S3 answers 404 of a missing object only to those who may list; such a request names no prefix. */
function missing({ bucketArn }: World): IamRequest {
  return { action: 's3:ListBucket', resource: bucketArn };
}

/** Every object carries a tag. */
function put(world: World): IamRequest[] {
  return ['s3:PutObject', 's3:PutObjectTagging'].map((action) => ({ action, resource: object(world) }));
}

function object({ bucketArn }: World): string {
  return `${bucketArn}/${KEY}`;
}

function task({ clusterArn, clusterName }: World) {
  const resource = `${clusterArn.replace(`cluster/${clusterName}`, `task/${clusterName}`)}/${ID}`;
  return { resource, keys: { 'ecs:cluster': clusterArn } };
}

function instance({ clusterArn, clusterName }: World) {
  const resource = `${clusterArn.replace(`cluster/${clusterName}`, `container-instance/${clusterName}`)}/${ID}`;
  return { resource, keys: { 'ecs:cluster': clusterArn } };
}

function withCaller(request: IamRequest): IamRequest {
  return { ...request, keys: { 'aws:SecureTransport': 'true', 'aws:RequestedRegion': 'us-east-1', ...request.keys } };
}
