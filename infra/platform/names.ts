import { repositoryName } from '../constructs/account/image-registry.ts';
import { PROJECT_PREFIX, type StackContext } from '../constructs/stack-context.ts';

/** Of a repository that the bootstrap stack made: names are the agreement between the stacks. */
export function repositoryArn({ region, accountId }: StackContext, image: string): string {
  return `arn:aws:ecr:${region}:${accountId}:repository/${repositoryName(image)}`;
}

export function logGroupName(context: StackContext, name: string): string {
  return `/${PROJECT_PREFIX}/${context.name(name)}`;
}
