import { registerTaskDefinition } from '../schemas/task-definition-schema.ts';
import { taskDefinitionOnly } from '../schemas/request-schemas.ts';
import { isEssential } from '../task-definition-rules.ts';
import type { TaskDefinition } from '../task-definitions.ts';
import type { Answer } from '../world.ts';
import { operation } from './operation.ts';

export const taskDefinitionOperations = {
  RegisterTaskDefinition: operation(registerTaskDefinition, (world, input) => {
    const definition = world.definitions.register(input);
    return { taskDefinition: describeTaskDefinition(definition), tags: definition.input.tags ?? [] };
  }),

  DescribeTaskDefinition: operation(taskDefinitionOnly, (world, input) => {
    const definition = world.definitions.get(input.taskDefinition);
    const tags = input.include?.includes('TAGS') ? (definition.input.tags ?? []) : undefined;
    return { taskDefinition: describeTaskDefinition(definition), tags };
  }),

  DeregisterTaskDefinition: operation(taskDefinitionOnly, (world, input) => ({
    taskDefinition: describeTaskDefinition(world.definitions.deregister(input.taskDefinition)),
  })),
};

function describeTaskDefinition(definition: TaskDefinition): Answer {
  const { tags: _, containerDefinitions, ...input } = definition.input;
  return {
    ...input,
    taskDefinitionArn: definition.arn,
    revision: definition.revision,
    status: definition.deregisteredAt === null ? 'ACTIVE' : 'INACTIVE',
    containerDefinitions: containerDefinitions.map((container) => ({
      ...container,
      cpu: container.cpu ?? 0,
      essential: isEssential(container),
      environment: container.environment ?? [],
      mountPoints: container.mountPoints ?? [],
    })),
    volumes: input.volumes ?? [],
    compatibilities: ['EC2'],
    registeredAt: definition.registeredAt,
    deregisteredAt: definition.deregisteredAt ?? undefined,
  };
}
