import { describe, expect, it } from '@jest/globals';
import { all, synthesizeConstruct, type SynthesizedStack } from '../../testing/synth-construct.ts';
import { JobTaskRoles } from './job-task-roles.ts';

const BUCKET = 'arn:aws:s3:::bpi-test-jobs';
const QUEUE = 'arn:aws:sqs:us-east-1:1:bpi-test-task-events';
const REPOSITORIES = [
  'arn:aws:ecr:us-east-1:1:repository/bpi/stager',
  'arn:aws:ecr:us-east-1:1:repository/bpi/brain-mri',
];
const LOGS = 'arn:aws:logs:us-east-1:1:log-group:/bpi/test/jobs';

function roles(keyArn: string | null = null): SynthesizedStack {
  return synthesizeConstruct(
    (scope, context) => {
      new JobTaskRoles(scope, 'roles', context, {
        bucketArn: BUCKET,
        taskEventsQueueArn: QUEUE,
        repositoryArns: REPOSITORIES,
        logGroupArn: LOGS,
      });
    },
    { keyArn },
  );
}

function grantsOf(stack: SynthesizedStack, name: string): unknown[] {
  const policy = all(stack, 'aws_iam_role_policy').find((body) => body['name'] === name)?.['policy'];
  const { Statement } = JSON.parse(String(policy)) as { Statement: Record<string, unknown>[] }; // our own document
  return Statement.map(({ Sid: _sid, Effect: _effect, ...grant }) => grant);
}

describe('the roles of the tasks of jobs', () => {
  it('let a stage read and write files of jobs, tell the worker, and nothing else', () => {
    expect(grantsOf(roles(), 'job-task')).toEqual([
      {
        Action: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject', 's3:PutObjectTagging'],
        Resource: [`${BUCKET}/jobs/*`],
      },
      {
        Action: ['s3:ListBucket'],
        Resource: [BUCKET],
        Condition: { StringLikeIfExists: { 's3:prefix': 'jobs/*' } },
      },
      { Action: ['sqs:SendMessage'], Resource: [QUEUE] },
    ]);
  });

  it('let ECS pull these images and write this log, and nothing else', () => {
    expect(grantsOf(roles(), 'job-execution')).toEqual([
      { Action: ['ecr:GetAuthorizationToken'], Resource: ['*'] },
      {
        Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
        Resource: REPOSITORIES,
      },
      { Action: ['logs:CreateLogStream', 'logs:PutLogEvents'], Resource: [`${LOGS}:*`] },
    ]);
  });

  it('give the stages the key of the data, and ECS none', () => {
    const stack = roles('arn:aws:kms:us-east-1:1:key/own');
    expect(grantsOf(stack, 'job-task')).toContainEqual({
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: ['arn:aws:kms:us-east-1:1:key/own'],
    });
    expect(JSON.stringify(grantsOf(stack, 'job-execution'))).not.toContain('kms');
  });

  it('are two, for ECS tasks of this account', () => {
    const made = all(roles(), 'aws_iam_role');
    expect(made.map((role) => role['name'])).toEqual(['bpi-test-job-execution', 'bpi-test-job-task']);
    for (const role of made) expect(String(role['assume_role_policy'])).toContain('ecs-tasks.amazonaws.com');
  });
});
