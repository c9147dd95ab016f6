import { Construct } from 'constructs';
import { objectAccess } from '../object-access.ts';
import { allow } from '../policy.ts';
import { ServiceRole } from '../service-role.ts';
import type { StackContext } from '../stack-context.ts';
import { taskStart } from '../task-start.ts';

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
      statements: taskStart({ repositoryArns: settings.repositoryArns, logArns: [`${settings.logGroupArn}:*`] }),
    });
  }
}

function stageStatements({ bucketArn, taskEventsQueueArn }: JobTaskRolesSettings) {
  return [
    ...objectAccess(bucketArn),
    allow({ sid: 'TellTheWorker', actions: ['sqs:SendMessage'], resources: [taskEventsQueueArn] }),
  ];
}
