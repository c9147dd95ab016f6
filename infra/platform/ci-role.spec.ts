import { describe, expect, it } from '@jest/globals';
import { DEPLOYMENT_ROLE } from '../constructs/stack-context.ts';
import { aManifest } from '../testing/a-manifest.ts';
import { ACCOUNT_ID, asApplied } from '../testing/applied.ts';
import { synthesizedEnvironment } from '../testing/environment.ts';
import { isAllowed, parsePolicy, type IamRequest, type PolicyStatement } from '../testing/iam.ts';
import { someSettings } from '../testing/settings.ts';
import { all, synthesizedStack, type SynthesizedStack } from '../testing/synth-construct.ts';
import type { Thing } from '../testing/terraform-asks.ts';
import { requestsFor, thingsOf } from '../testing/terraform-calls.ts';
import { absentImages } from './images.ts';
import { PlatformStack } from './platform-stack.ts';

/** What neither environment has now and a change of their settings would bring. */
function otherSettings(): SynthesizedStack {
  const settings = someSettings({
    environment: 'dev',
    network: { ...someSettings().network, mode: 'public' },
    data: { ...someSettings().data, destroyWithContents: true },
  });
  const images = absentImages(['api', 'worker', 'stager', 'brain-mri']);
  return synthesizedStack((app) => new PlatformStack(app, 'dev', { settings, manifests: [aManifest()], images }));
}

const bootstrap = synthesizedEnvironment('bootstrap', { GITHUB_REPOSITORY: 'acme/inference' });
const boundary = policiesOf(bootstrap, ({ name }) => name === 'bpi-boundary');
const deployment = attachedTo(DEPLOYMENT_ROLE);
const plan = attachedTo('github-actions-terraform-plan');

const stacks = [
  { stack: synthesizedEnvironment('dev'), what: 'dev', environment: 'dev' },
  { stack: synthesizedEnvironment('prod'), what: 'prod', environment: 'prod' },
  { stack: otherSettings(), what: 'dev with a domain, its own key and a public network', environment: 'dev' },
];
const things = stacks.flatMap(({ stack, what, environment }) =>
  [...Map.groupBy(thingsOf(stack, environment), ({ type }) => type)].map(([type, ofType]) => ({
    ...{ stack, what, environment, type },
    ofType,
  })),
);
/** Deleted in production by people only. */
const DATA = ['aws_dynamodb_table', 'aws_kms_key', 'aws_s3_bucket'];

describe.each(things)('$type of $what', ({ stack, environment, type, ofType }) => {
  const may = (phases: Parameters<typeof requestsFor>[1]) =>
    outside([...deployment, ...keyPolicies(stack)], asking(ofType, phases));

  it('is made, read and changed by a deployment', () => {
    expect(may(['create', 'read', 'update'])).toEqual([]);
  });

  if (environment === 'prod' && DATA.includes(type)) {
    it('is deleted by people only', () => {
      const deletions = asking(ofType, ['delete']);
      expect(deletions.length).toBeGreaterThan(0);
      expect(may(['delete'])).toEqual(deletions.map(inWords));
    });
  } else {
    it('is deleted by a deployment', () => expect(may(['delete'])).toEqual([]));
  }

  it('is read by a plan', () => expect(outside(plan, asking(ofType, ['read']))).toEqual([]));

  it('is changed by no plan', () => {
    const changes = asking(ofType, ['create', 'update', 'delete']).filter(({ action }) => !isRead(action));
    expect(changes.filter((request) => outside(plan, [request]).length === 0)).toEqual([]);
  });
});

/** Granted, and asked by no resource's row. */
const ELSEWHERE = [
  ...['s3:GetObject', 's3:PutObject'], // the state and its lock
  ...['ecs:List*', 'ecs:StopTask', 'ecs:DeleteTaskDefinitions'], // what is left when an environment is emptied
  'apigateway:PUT', // the other verb of API Gateway for tags
  'route53:DisassociateVPCFromHostedZone', // an endpoint that gives its private name up
];

it('A deployment may do nothing that no resource asks for', () => {
  const asked = stacks.flatMap(({ stack, environment }) =>
    asking(thingsOf(stack, environment), ['create', 'read', 'update', 'delete']).map(({ action }) => action),
  );
  const isAsked = (pattern: string) =>
    asked.some((action) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(action));
  const granted = new Set(deployment.flatMap(({ Action }) => Action));
  expect([...granted].filter((action) => !isAsked(action)).sort()).toEqual([...ELSEWHERE].sort());
});

it('A resource that nobody wrote down is found', () => {
  const thing: Thing = { type: 'aws_lambda_function', environment: 'dev', name: 'bpi-dev-some', body: {} };
  expect(() => requestsFor(thing, ['create'])).toThrow('aws_lambda_function: add it to ROWS');
});

const OTHERS = { 'aws:ResourceTag/Project': 'theirs', 'aws:ResourceTag/Environment': 'dev' };
const OURS = { 'aws:ResourceTag/Project': 'bpi' };
const AS_OURS = { 'aws:RequestTag/Project': 'bpi' };
const ec2 = (part: string) => `arn:aws:ec2:us-east-1:${ACCOUNT_ID}:${part}`;
const key = `arn:aws:kms:us-east-1:${ACCOUNT_ID}:key/1`;
const theirTemplate = { 'ec2:LaunchTemplate': ec2('launch-template/lt-9') };

describe('a deployment may not', () => {
  it.each<[string, IamRequest]>([
    ['delete another team’s bucket', { action: 's3:DeleteBucket', resource: 'arn:aws:s3:::theirs' }],
    ['open another team’s bucket', { action: 's3:PutBucketPolicy', resource: 'arn:aws:s3:::theirs' }],
    ['change the account’s own buckets', { action: 's3:PutBucketPolicy', resource: 'arn:aws:s3:::bpi-state-1' }],
    ['read an object', { action: 's3:GetObject', resource: 'arn:aws:s3:::bpi-prod-jobs-1/jobs/1/input/input.npz' }],
    ['change another table', dynamo('UpdateTable', 'theirs')],
    ['delete production’s table', dynamo('DeleteTable', 'bpi-prod-jobs')],
    ['read an item', dynamo('GetItem', 'bpi-prod-jobs')],
    ['change a role outside our path', iam('role/admin', 'PutRolePolicy')],
    ['change its own role', iam(`role/${DEPLOYMENT_ROLE}`, 'PutRolePolicy')],
    ['make a role without the boundary', iam('role/bpi/bpi-dev-some', 'CreateRole', false)],
    ['change the boundary', iam('policy/bpi/bpi-boundary', 'CreatePolicyVersion')],
    ['delete another key', { action: 'kms:ScheduleKeyDeletion', resource: key, keys: OTHERS }],
    ['delete a key without a tag', { action: 'kms:ScheduleKeyDeletion', resource: key }],
    ['rewrite the policy of another key', { action: 'kms:PutKeyPolicy', resource: key, keys: OTHERS }],
    ['rewrite the policy of a key without a tag', { action: 'kms:PutKeyPolicy', resource: key }],
    ['take over another key by a tag', { action: 'kms:TagResource', resource: key, keys: { ...OTHERS, ...AS_OURS } }],
    ['decrypt', { action: 'kms:Decrypt', resource: key, keys: OURS }],
    ['make a key of no project', { action: 'kms:CreateKey', resource: '*' }],
    ['launch from another template', launch('launch-template/lt-9', { ...theirTemplate, ...OTHERS })],
    ['launch from a template without a tag', launch('launch-template/lt-9', theirTemplate)],
    ['launch without a template', launch('instance/*', {})],
    ['launch into another subnet', launch('subnet/subnet-9', { ...theirTemplate, ...OTHERS })],
    ['change another machine', { action: 'ec2:ModifyInstanceAttribute', resource: ec2('instance/i-9'), keys: OURS }],
    ['take over a VPC by a tag', { action: 'ec2:CreateTags', resource: ec2('vpc/vpc-9'), keys: AS_OURS }],
    ['take over another’s group', tag('security-group/sg-9')],
    ['open another’s group', { action: 'ec2:AuthorizeSecurityGroupIngress', resource: ec2('security-group/sg-9') }],
    ['make a subnet in another VPC', { action: 'ec2:CreateSubnet', resource: ec2('vpc/vpc-9'), keys: OTHERS }],
    ['make a subnet of no project', { action: 'ec2:CreateSubnet', resource: ec2('subnet/subnet-9') }],
    ['delete another VPC', { action: 'ec2:DeleteVpc', resource: ec2('vpc/vpc-9'), keys: OTHERS }],
    ['delete another certificate', acm('DeleteCertificate', OTHERS)],
    ['take over another certificate by a tag', acm('AddTagsToCertificate', { ...OTHERS, ...AS_OURS })],
    ['delete another namespace', discovery('DeleteNamespace', 'namespace/ns-9')],
    ['take instances out of another service', discovery('DeregisterInstance', 'service/srv-9')],
    ['move somebody’s mail', record('MX')],
    ['delegate a zone', record('NS')],
    ['see API keys', { action: 'apigateway:GET', resource: 'arn:aws:apigateway:us-east-1::/apikeys/1' }],
    [
      'go to another region',
      { action: 'ec2:DescribeVpcs', resource: '*', keys: { 'aws:RequestedRegion': 'eu-west-1' } },
    ],
  ])('%s', (_what, request) => {
    expect(outside(deployment, [withRegion(request)])).toHaveLength(1);
  });
});

describe('no role inside the boundary may', () => {
  it.each([
    ...['ec2:ModifyInstanceAttribute', 'ec2:StartInstances', 'ec2:ModifySnapshotAttribute', 'ec2:ModifyImageAttribute'],
    ...['ecs:ExecuteCommand', 'ssm:StartSession', 'sts:AssumeRole', 'iam:DeleteRolePermissionsBoundary'],
  ])('%s', (action) => {
    const everything = parsePolicy(
      '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    );
    expect(outside(everything, [withRegion({ action, resource: '*' })])).toHaveLength(1);
    expect(outside(everything, [withRegion({ action: 'ec2:DescribeVpcs', resource: '*' })])).toEqual([]);
  });
});

describe('a plan may not', () => {
  it.each<[string, IamRequest]>([
    ['see API keys', { action: 'apigateway:GET', resource: 'arn:aws:apigateway:us-east-1::/apikeys' }],
    ['see a machine’s start script', { action: 'ec2:DescribeInstanceAttribute', resource: '*' }],
    ['see what tunnels share', { action: 'ec2:DescribeVpnConnections', resource: '*' }],
    ['see old start scripts', { action: 'autoscaling:DescribeLaunchConfigurations', resource: '*' }],
    ['read an item', dynamo('GetItem', 'bpi-dev-jobs')],
  ])('%s', (_what, request) => {
    expect(outside(plan, [withRegion(request)])).toHaveLength(1);
  });
});

function dynamo(operation: string, table: string): IamRequest {
  return { action: `dynamodb:${operation}`, resource: `arn:aws:dynamodb:us-east-1:${ACCOUNT_ID}:table/${table}` };
}

function iam(what: string, operation: string, bounded = true): IamRequest {
  const boundaryArn = `arn:aws:iam::${ACCOUNT_ID}:policy/bpi/bpi-boundary`;
  return {
    action: `iam:${operation}`,
    resource: `arn:aws:iam::${ACCOUNT_ID}:${what}`,
    ...(bounded ? { keys: { 'iam:PermissionsBoundary': boundaryArn } } : {}),
  };
}

function launch(part: string, keys: Record<string, string>): IamRequest {
  return { action: 'ec2:RunInstances', resource: ec2(part), keys };
}

function tag(part: string): IamRequest {
  return { action: 'ec2:CreateTags', resource: ec2(part), keys: { ...OTHERS, ...AS_OURS } };
}

function acm(operation: string, keys: Record<string, string>): IamRequest {
  return { action: `acm:${operation}`, resource: `arn:aws:acm:us-east-1:${ACCOUNT_ID}:certificate/9`, keys };
}

function discovery(operation: string, what: string): IamRequest {
  const resource = `arn:aws:servicediscovery:us-east-1:${ACCOUNT_ID}:${what}`;
  return { action: `servicediscovery:${operation}`, resource, keys: OTHERS };
}

function record(type: string): IamRequest {
  return {
    action: 'route53:ChangeResourceRecordSets',
    resource: 'arn:aws:route53:::hostedzone/Z9',
    keys: { 'route53:ChangeResourceRecordSetsRecordTypes': type },
  };
}

function withRegion(request: IamRequest): IamRequest {
  return { ...request, keys: { 'aws:RequestedRegion': 'us-east-1', ...request.keys } };
}

function asking(ofType: readonly Thing[], phases: Parameters<typeof requestsFor>[1]): IamRequest[] {
  return ofType.flatMap((thing) => requestsFor(thing, phases));
}

/** What a role is refused, in words: its policies and the boundary must both allow. */
function outside(statements: readonly PolicyStatement[], requests: readonly IamRequest[]): string[] {
  return requests.filter((request) => !isAllowed(statements, request) || !isAllowed(boundary, request)).map(inWords);
}

function inWords({ action, resource }: IamRequest): string {
  return `${action} on ${resource}`;
}

/** Also read in the making, so a plan may do them. */
function isRead(action: string): boolean {
  return /:(GET$|Get|List|Describe|View)/.test(action);
}

function attachedTo(role: string): PolicyStatement[] {
  const [id] = Object.entries(bootstrap.resource['aws_iam_role'] ?? {}).find(([, { name }]) => name === role) ?? [];
  const attached = all(bootstrap, 'aws_iam_role_policy_attachment')
    .filter((body) => body['role'] === `\${aws_iam_role.${id}.name}`)
    .map((body) => String(body['policy_arn']));
  const statements = policiesOf(bootstrap, ({ id: policy }) => attached.includes(`\${aws_iam_policy.${policy}.arn}`));
  if (attached.length === 0 || attached.length > 10) throw new Error(`${role} has ${attached.length} policies.`);
  return statements;
}

function policiesOf(
  stack: SynthesizedStack,
  isMeant: (policy: { id: string; name: unknown }) => boolean,
): PolicyStatement[] {
  return Object.entries(stack.resource['aws_iam_policy'] ?? {})
    .filter(([id, { name }]) => isMeant({ id, name }))
    .flatMap(([, body]) => parsePolicy(asApplied(stack, String(body['policy']))));
}

/** In the account's own keys a role may be named, and then needs no right of its own; the boundary holds all the same. */
function keyPolicies(stack: SynthesizedStack): PolicyStatement[] {
  const principal = `arn:aws:iam::${ACCOUNT_ID}:role/${DEPLOYMENT_ROLE}`;
  return all(stack, 'aws_kms_key')
    .flatMap((body) => parsePolicy(asApplied(stack, String(body['policy']))))
    .filter(({ Principal }) => JSON.stringify(Principal) === JSON.stringify({ AWS: principal }))
    .map((statement) => ({ ...statement, Resource: [`arn:aws:kms:us-east-1:${ACCOUNT_ID}:key/*`] }));
}
