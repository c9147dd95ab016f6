import { describe, expect, it } from '@jest/globals';
import { planRolePolicies } from './plan-role-policy.ts';
import type { Statement } from '../policy.ts';
import { pushRolePolicies } from './push-role-policy.ts';
import { terraformRolePolicies } from './terraform-role-policy.ts';

const CONTEXT = { region: 'us-east-1', accountId: '111122223333' };
const allows = (policies: Record<string, readonly Statement[]>) =>
  Object.values(policies)
    .flat()
    .filter(({ Effect }) => Effect === 'Allow');
const deploys = allows(terraformRolePolicies(CONTEXT));
const plans = allows(planRolePolicies(CONTEXT));
const granting = (statements: readonly Statement[], action: string) =>
  statements.filter(({ Action }) => Action.includes(action));
const resourcesOf = (statements: readonly Statement[], action: string) =>
  granting(statements, action).flatMap(({ Resource }) => Resource);
/** Matches actions with wildcards as IAM does. */
const mayDo = (statements: readonly Statement[], action: string) =>
  statements.some(({ Action }) =>
    Action.some((given) => new RegExp(`^${given.replaceAll('*', '.*')}$`, 'i').test(action)),
  );

/** What gives somebody's data: objects, items, messages, lines of logs, secrets. */
const DATA = [
  ...['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query', 'dynamodb:Scan', 'dynamodb:PartiQLSelect'],
  ...['sqs:ReceiveMessage', 'logs:GetLogEvents', 'logs:FilterLogEvents', 'logs:StartQuery', 'logs:StartLiveTail'],
  ...['secretsmanager:GetSecretValue', 's3:GetObjectVersion', 'dynamodb:ExportTableToPointInTime'],
];

describe.each([
  { role: 'deployment', statements: deploys },
  { role: 'plan', statements: plans },
])('the role of a $role', ({ statements }) => {
  it.each(DATA)('is not granted %s', (action) => expect(mayDo(statements, action)).toBe(false));

  it('reads no objects but the states of the environments', () => {
    const objects = resourcesOf(statements, 's3:GetObject').filter((resource) => !resource.endsWith('.tflock'));
    expect(objects).toEqual([
      'arn:aws:s3:::bpi-state-111122223333/dev/terraform.tfstate',
      'arn:aws:s3:::bpi-state-111122223333/prod/terraform.tfstate',
    ]);
  });

  it('sees HTTP APIs, and no keys of others', () => {
    const paths = resourcesOf(statements, 'apigateway:GET').map((arn) => arn.split('::/')[1]);
    expect(paths).toEqual([
      ...['apis', 'apis/*', 'domainnames', 'domainnames/*', 'tags', 'tags/*', 'vpclinks', 'vpclinks/*'],
    ]);
  });

  it('reads no parameter but AWS’s own, about the machine image', () => {
    expect(resourcesOf(statements, 'ssm:GetParameter')).toEqual([
      'arn:aws:ssm:us-east-1::parameter/aws/service/ecs/optimized-ami/*',
    ]);
  });
});

describe('the role of a plan', () => {
  it('reads, and changes nothing', () => {
    const verbs = plans.flatMap(({ Action }) => Action).map((action) => action.split(':')[1] ?? '');
    for (const verb of verbs) expect(verb).toMatch(/^(GET$|Get|List|Describe|View)/);
  });

  it.each(DATA)('is denied %s, whatever somebody grants it later', (action) => {
    const denials = planRolePolicies(CONTEXT)['denials'] ?? [];
    expect(mayDo(denials, action)).toBe(true);
    expect(denials.every(({ Effect }) => Effect === 'Deny')).toBe(true);
  });

  it('is denied the objects of jobs, the weights, the bootstrap state, and the account’s parameters', () => {
    const denied = (planRolePolicies(CONTEXT)['denials'] ?? []).flatMap(({ Resource }) => Resource);
    expect(denied).toEqual(
      expect.arrayContaining([
        'arn:aws:s3:::bpi-*-jobs-*/*',
        'arn:aws:s3:::bpi-weights-111122223333/*',
        'arn:aws:s3:::bpi-state-111122223333/bootstrap/*',
        'arn:aws:ssm:*:111122223333:parameter/*',
      ]),
    );
  });
});

describe('the role of a deployment', () => {
  it('tags what it makes, what is ours, and security groups that are nobody’s', () => {
    const tagging = granting(deploys, 'ec2:CreateTags').map(({ Sid, Condition }) => [
      Sid,
      Object.keys(Condition ?? {}),
    ]);
    expect(tagging).toEqual([
      ['AnyResourceNetworkChange', ['StringEquals']],
      ['TagsOfWhatIsMade', ['StringEquals']],
      ['DefaultSecurityGroup', ['StringEqualsIfExists']],
    ]);
  });

  it('makes roles under our path only, and gives them policies only inside the boundary', () => {
    for (const action of ['iam:CreateRole', 'iam:PutRolePermissionsBoundary', 'iam:PutRolePolicy']) {
      const [statement, ...more] = granting(deploys, action);
      expect(more).toEqual([]);
      expect(statement?.Resource).toEqual(['arn:aws:iam::111122223333:role/bpi/*']);
      expect(statement?.Condition).toEqual({
        StringEquals: { 'iam:PermissionsBoundary': 'arn:aws:iam::111122223333:policy/bpi/bpi-boundary' },
      });
    }
  });

  it.each([
    'iam:CreatePolicy',
    'iam:CreatePolicyVersion',
    'iam:AttachRolePolicy',
    'iam:CreateUser',
    'iam:CreateAccessKey',
  ])('is not granted %s', (action) => expect(mayDo(deploys, action)).toBe(false));

  it('cannot lift the boundary or touch its own role', () => {
    expect(mayDo(deploys, 'iam:DeleteRolePermissionsBoundary')).toBe(false);
    const iam = deploys.filter(({ Action }) => Action.some((action) => action.startsWith('iam:')));
    for (const { Resource } of iam) {
      for (const resource of Resource)
        expect(resource).toMatch(/:(role|instance-profile)\/(bpi|aws-service-role)\/\*$/);
    }
  });

  it('hands roles to the services that take them, and to no other', () => {
    expect(granting(deploys, 'iam:PassRole').map(({ Condition }) => Condition)).toEqual([
      {
        StringEquals: {
          'iam:PassedToService': ['ec2.amazonaws.com', 'ecs-tasks.amazonaws.com', 'vpc-flow-logs.amazonaws.com'],
        },
      },
    ]);
  });

  it('writes the states of the environments and their locks, never the account’s', () => {
    const state = 'arn:aws:s3:::bpi-state-111122223333';
    const files = ['dev', 'prod'].map((environment) => `${state}/${environment}/terraform.tfstate`);
    expect(resourcesOf(deploys, 's3:PutObject')).toEqual([...files, ...files.map((file) => `${file}.tflock`)]);
  });

  it('deletes data in dev only', () => {
    const bucket = 'arn:aws:s3:::bpi-dev-*';
    const table = 'arn:aws:dynamodb:us-east-1:111122223333:table/bpi-dev-*';
    expect(resourcesOf(deploys, 's3:DeleteBucket')).toEqual([bucket, table]);
    expect(resourcesOf(deploys, 'dynamodb:DeleteTable')).toEqual([bucket, table]);
    expect(resourcesOf(deploys, 's3:DeleteObjectVersion')).toEqual([`${bucket}/*`]);
  });

  it('deletes keys in dev only', () => {
    expect(granting(deploys, 'kms:ScheduleKeyDeletion').map(({ Condition }) => Condition)).toEqual([
      { StringEquals: { 'aws:ResourceTag/Project': 'bpi', 'aws:ResourceTag/Environment': 'dev' } },
    ]);
  });

  it('changes and deletes parts of networks, and keys, only where they are tagged as ours', () => {
    for (const action of [
      'ec2:DeleteVpc',
      'ec2:ModifyVpcEndpoint',
      'kms:ScheduleKeyDeletion',
      'acm:DeleteCertificate',
    ]) {
      for (const { Condition } of granting(deploys, action)) {
        expect(Condition).toMatchObject({ StringEquals: { 'aws:ResourceTag/Project': 'bpi' } });
      }
      expect(granting(deploys, action)).toHaveLength(1);
    }
  });

  it('has no whole service: wildcards are in reads only', () => {
    const wild = deploys.flatMap(({ Action }) => Action).filter((action) => action.includes('*'));
    for (const action of wild) expect(action).toMatch(/:(Describe|List|Get)[A-Za-z]*\*$/);
  });
});

it('the role of a push adds images to the given repositories, and deletes none', () => {
  const pushes = allows(pushRolePolicies(['arn:a', 'arn:b']));
  expect(resourcesOf(pushes, 'ecr:PutImage')).toEqual(['arn:a', 'arn:b']);
  expect(resourcesOf(pushes, 'ecr:GetAuthorizationToken')).toEqual(['*']);
  const actions = pushes.flatMap(({ Action }) => Action);
  expect(actions.filter((action) => /Delete|Policy|Create|Mutability|\*/.test(action))).toEqual([]);
});
