import { allow, type Statement } from '../policy.ts';

/** What a push of images may do: add images to these repositories. Tags cannot move, and nothing can be deleted. */
export function pushRolePolicies(repositoryArns: readonly string[]): Record<string, Statement[]> {
  const statements = [
    allow({
      sid: 'AnyResourceLogin',
      actions: ['ecr:GetAuthorizationToken'],
      resources: ['*'],
      wildcardBecause: 'a login is to the registry, which has no ARN',
    }),
    allow({
      sid: 'PushAndLookAt',
      actions: [
        ...['BatchCheckLayerAvailability', 'BatchGetImage', 'CompleteLayerUpload', 'DescribeImages'],
        ...['GetDownloadUrlForLayer', 'InitiateLayerUpload', 'PutImage', 'UploadLayerPart'],
      ].map((action) => `ecr:${action}`),
      resources: repositoryArns,
    }),
  ];
  return { push: statements };
}
