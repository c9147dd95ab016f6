import { Construct } from 'constructs';
import { ServiceRole } from '../service-role.ts';
import type { StackContext } from '../stack-context.ts';
import { taskStart } from '../task-start.ts';

export type ServiceExecutionRoleSettings = {
  /** Of the services' images. */
  repositoryArns: readonly string[];
  logGroupArns: readonly string[];
};

/** With it Fargate pulls the services' images and writes their logs; the services themselves never hold it. */
export class ServiceExecutionRole extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, context: StackContext, settings: ServiceExecutionRoleSettings) {
    super(scope, id);
    const role = new ServiceRole(this, 'role', context, {
      name: 'service-execution',
      description: 'Pulls the images of API and worker, and writes their logs.',
      service: 'ecs-tasks.amazonaws.com',
      statements: taskStart({
        repositoryArns: settings.repositoryArns,
        logArns: settings.logGroupArns.map((arn) => `${arn}:log-stream:*`),
      }),
    });
    this.arn = role.arn;
  }
}
