import { allow, type Statement } from './policy.ts';

/** What ECS and Fargate do in the name of a task's execution role to start it; the task itself never holds that role. */
export function taskStart(parts: { repositoryArns: readonly string[]; logArns: readonly string[] }): Statement[] {
  return [
    allow({
      sid: 'AnyResourceRegistryLogin',
      actions: ['ecr:GetAuthorizationToken'],
      resources: ['*'],
      wildcardBecause: 'the login of a registry is for all of it: ECR knows no resource for this action',
    }),
    allow({
      sid: 'PullImages',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: parts.repositoryArns,
    }),
    allow({ sid: 'WriteLogs', actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: parts.logArns }),
  ];
}
