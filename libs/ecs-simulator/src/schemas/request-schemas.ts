import { z } from 'zod';
import { keyValue, resourceRequirement, tags } from './task-definition-schema.ts';

/** Requests as the SDK sends them; strict, so that a misspelt field is refused. */
const cluster = z.string().optional();
const page = { maxResults: z.int().min(1).max(100).optional(), nextToken: z.string().optional() };
const strategy = z
  .array(
    z.strictObject({
      capacityProvider: z.string(),
      weight: z.int().min(0).max(1_000).optional(),
      base: z.int().min(0).max(100_000).optional(),
    }),
  )
  .max(20);

export const createCluster = z.strictObject({
  clusterName: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,255}$/)
    .optional(),
  capacityProviders: z.array(z.string()).optional(),
  defaultCapacityProviderStrategy: strategy.optional(),
  tags: tags.optional(),
  settings: z.array(z.strictObject({ name: z.string(), value: z.string() })).optional(),
});
export const describeClusters = z.strictObject({
  clusters: z.array(z.string()).max(100).optional(),
  include: z.array(z.string()).optional(),
});
export const createCapacityProvider = z.strictObject({
  name: z.string().regex(/^(?!aws|ecs|fargate)[A-Za-z0-9_-]{1,255}$/, 'must not begin with aws, ecs or fargate'),
  autoScalingGroupProvider: z.strictObject({
    autoScalingGroupArn: z.string(),
    managedScaling: z
      .strictObject({
        status: z.enum(['ENABLED', 'DISABLED']).optional(),
        targetCapacity: z.int().min(1).max(100).optional(),
        minimumScalingStepSize: z.int().min(1).max(10_000).optional(),
        maximumScalingStepSize: z.int().min(1).max(10_000).optional(),
        instanceWarmupPeriod: z.int().min(0).max(10_000).optional(),
      })
      .optional(),
    managedTerminationProtection: z.enum(['ENABLED', 'DISABLED']).optional(),
    managedDraining: z.enum(['ENABLED', 'DISABLED']).optional(),
  }),
  tags: tags.optional(),
});
export const describeCapacityProviders = z.strictObject({
  capacityProviders: z.array(z.string()).max(100).optional(),
  cluster,
  include: z.array(z.string()).optional(),
  ...page,
});
export const putClusterCapacityProviders = z.strictObject({
  cluster: z.string(),
  capacityProviders: z.array(z.string()).max(20),
  defaultCapacityProviderStrategy: strategy,
});

export const taskDefinitionOnly = z.strictObject({
  taskDefinition: z.string(),
  include: z.array(z.string()).optional(),
});

const containerOverride = z.strictObject({
  name: z.string(),
  command: z.array(z.string()).optional(),
  environment: z.array(keyValue).optional(),
  cpu: z.int().nonnegative().optional(),
  memory: z.int().min(6).optional(),
  memoryReservation: z.int().min(6).optional(),
  resourceRequirements: z.array(resourceRequirement).max(1).optional(),
});
export const runTask = z.strictObject({
  taskDefinition: z.string(),
  cluster,
  count: z.int().optional(),
  capacityProviderStrategy: strategy.optional(),
  launchType: z.enum(['EC2', 'FARGATE', 'EXTERNAL', 'MANAGED_INSTANCES']).optional(),
  overrides: z
    .strictObject({
      containerOverrides: z.array(containerOverride).optional(),
      cpu: z.string().regex(/^\d+$/).optional(),
      memory: z.string().regex(/^\d+$/).optional(),
      taskRoleArn: z.string().optional(),
      executionRoleArn: z.string().optional(),
    })
    .optional(),
  startedBy: z.string().optional(),
  clientToken: z.string().optional(),
  group: z.string().optional(),
  tags: tags.optional(),
  propagateTags: z.enum(['TASK_DEFINITION', 'SERVICE', 'NONE']).optional(),
  enableECSManagedTags: z.boolean().optional(),
  enableExecuteCommand: z.literal(false).optional(),
});
export type RunTaskInput = z.infer<typeof runTask>;
export type TaskOverride = NonNullable<RunTaskInput['overrides']>;
export type StrategyItem = z.infer<typeof strategy>[number];

export const stopTask = z.strictObject({ cluster, task: z.string(), reason: z.string().optional() });
export const describeTasks = z.strictObject({
  cluster,
  tasks: z.array(z.string()),
  include: z.array(z.literal('TAGS')).optional(),
});
export const listTasks = z.strictObject({
  cluster,
  containerInstance: z.string().optional(),
  family: z.string().optional(),
  startedBy: z.string().optional(),
  desiredStatus: z.enum(['RUNNING', 'PENDING', 'STOPPED']).optional(),
  launchType: z.string().optional(),
  ...page,
});
export type ListTasksInput = z.infer<typeof listTasks>;

export const listContainerInstances = z.strictObject({
  cluster,
  filter: z.string().optional(),
  status: z.enum(['ACTIVE', 'DRAINING', 'REGISTERING', 'DEREGISTERING', 'REGISTRATION_FAILED']).optional(),
  ...page,
});
export const describeContainerInstances = z.strictObject({
  cluster,
  containerInstances: z.array(z.string()).min(1).max(100),
  include: z.array(z.string()).optional(),
});
export const updateContainerInstancesState = z.strictObject({
  cluster,
  containerInstances: z.array(z.string()).min(1).max(10),
  status: z.enum(['ACTIVE', 'DRAINING']),
});

export const terminateInstance = z.strictObject({
  InstanceId: z.string(),
  ShouldDecrementDesiredCapacity: z.enum(['true', 'false']),
});
export const describeAutoScalingInstances = z.strictObject({
  InstanceIds: z.array(z.string()).max(50).optional(),
  MaxRecords: z.string().optional(),
});
