import { Construct } from 'constructs';
import { allow } from '../policy.ts';
import { ServiceRole } from '../service-role.ts';
import type { StackContext } from '../stack-context.ts';

export type JobTaskRolesSettings = {
  bucketArn: string;
  taskEventsQueueArn: string;
  /** Of every image of a job's task. */
  repositoryArns: readonly string[];
  logGroupArn: string;
};

const SERVICE = 'ecs-tasks.amazonaws.com';

/** The two roles of all jobs' tasks: what their stages may do, and what ECS may do to start them. */
export class JobTaskRoles extends Construct {
  readonly task: ServiceRole;
  readonly execution: ServiceRole;

  constructor(scope: Construct, id: string, context: StackContext, settings: JobTaskRolesSettings) {
    super(scope, id);
    this.task = new ServiceRole(this, 'task', context, {
      name: 'job-task',
      description: 'Stages of a job: its inputs and results, and news of how it goes',
      service: SERVICE,
      statements: stageStatements(settings),
    });
    this.execution = new ServiceRole(this, 'execution', context, {
      name: 'job-execution',
      description: 'ECS, to start the task of a job: its images and its log',
      service: SERVICE,
      statements: startStatements(settings),
    });
  }
}

function stageStatements({ bucketArn, taskEventsQueueArn }: JobTaskRolesSettings) {
  return [
    allow({
      sid: 'FilesOfJobs',
      actions: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject', 's3:PutObjectTagging'],
      resources: [`${bucketArn}/jobs/*`],
    }),
    // Without it S3 answers 403 for an object that is not there, and not 404 ("HeadObject"); that request has no prefix.
    allow({
      sid: 'SeeWhetherFilesAreThere',
      actions: ['s3:ListBucket'],
      resources: [bucketArn],
      condition: { StringLikeIfExists: { 's3:prefix': 'jobs/*' } },
    }),
    allow({ sid: 'TellTheWorker', actions: ['sqs:SendMessage'], resources: [taskEventsQueueArn] }),
  ];
}

function startStatements({ repositoryArns, logGroupArn }: JobTaskRolesSettings) {
  return [
    allow({
      sid: 'AnyResourceRegistryLogin',
      actions: ['ecr:GetAuthorizationToken'],
      resources: ['*'],
      wildcardBecause: 'the action knows no resources: it is for the whole registry',
    }),
    allow({
      sid: 'PullImages',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: repositoryArns,
    }),
    allow({
      sid: 'WriteLogs',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [`${logGroupArn}:*`],
    }),
  ];
}
