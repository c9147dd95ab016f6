import { describe, expect, it } from '@jest/globals';
import { arnOf, statementsOf } from '../../testing/service-parts.ts';
import { only, synthesizeConstruct } from '../../testing/synth-construct.ts';
import { ServiceExecutionRole } from './service-execution-role.ts';

const API = arnOf('ecr', 'repository/bpi/api');
const WORKER = arnOf('ecr', 'repository/bpi/worker');
const GROUP = arnOf('logs', 'log-group:/bpi/test/api');

const stack = synthesizeConstruct((scope, context) => {
  new ServiceExecutionRole(scope, 'execution', context, { repositoryArns: [API, WORKER], logGroupArns: [GROUP] });
});

describe('the role that Fargate starts the services with', () => {
  it('pulls their images and writes their logs, and nothing else', () => {
    const statements = statementsOf(stack, 'service-execution');
    expect(statements.map(({ Action, Resource }) => ({ Action, Resource }))).toEqual([
      { Action: ['ecr:GetAuthorizationToken'], Resource: ['*'] },
      {
        Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
        Resource: [API, WORKER],
      },
      { Action: ['logs:CreateLogStream', 'logs:PutLogEvents'], Resource: [`${GROUP}:log-stream:*`] },
    ]);
  });

  it('is taken by tasks of this account only', () => {
    const trust = JSON.parse(String(only(stack, 'aws_iam_role')['assume_role_policy']));
    expect(trust.Statement).toEqual([
      {
        Effect: 'Allow',
        Principal: { Service: 'ecs-tasks.amazonaws.com' },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'aws:SourceAccount': '${data.aws_caller_identity.account.account_id}' } },
      },
    ]);
  });
});
