import { z } from 'zod';

/** Objects are strict: a field that is not simulated, or misspelt, is refused instead of ignored. */
const name = z.string().regex(/^[A-Za-z0-9_-]{1,255}$/, 'must be 1 to 255 letters, digits, _ or -');
export const keyValue = z.strictObject({ name: z.string(), value: z.string().optional() });
export const tag = z.strictObject({ key: z.string().min(1).max(128), value: z.string().max(256).optional() });
export const tags = z.array(tag).max(50);
export const resourceRequirement = z.strictObject({ type: z.literal('GPU'), value: z.string().regex(/^[1-9]\d?$/) });

const linuxParameters = z.strictObject({
  capabilities: z
    .strictObject({ add: z.array(z.string()).max(0).optional(), drop: z.array(z.string()).optional() })
    .optional(),
  initProcessEnabled: z.boolean().optional(),
  sharedMemorySize: z.int().positive().optional(),
  tmpfs: z
    .array(
      z.strictObject({
        containerPath: z.string().startsWith('/'),
        size: z.int().positive(),
        mountOptions: z.array(z.string()).optional(),
      }),
    )
    .optional(),
});

const ulimit = z.strictObject({ name: z.string(), softLimit: z.int(), hardLimit: z.int() });
const dependency = z.strictObject({
  containerName: z.string(),
  condition: z.enum(['START', 'COMPLETE', 'SUCCESS', 'HEALTHY']),
});
const mountPoint = z.strictObject({
  sourceVolume: z.string(),
  containerPath: z.string().startsWith('/'),
  readOnly: z.boolean().optional(),
});

const containerDefinition = z.strictObject({
  name,
  image: z.string().min(1).max(512),
  cpu: z.int().nonnegative().optional(),
  memory: z.int().min(6).optional(),
  memoryReservation: z.int().min(6).optional(),
  essential: z.boolean().optional(),
  entryPoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  environment: z.array(keyValue).optional(),
  mountPoints: z.array(mountPoint).optional(),
  linuxParameters: linuxParameters.optional(),
  dependsOn: z.array(dependency).optional(),
  stopTimeout: z.int().min(1).optional(),
  user: z.string().min(1).optional(),
  workingDirectory: z.string().startsWith('/').optional(),
  disableNetworking: z.boolean().optional(),
  privileged: z.literal(false).optional(),
  readonlyRootFilesystem: z.boolean().optional(),
  dockerSecurityOptions: z.array(z.string()).optional(),
  ulimits: z.array(ulimit).optional(),
  resourceRequirements: z.array(resourceRequirement).max(1).optional(),
  // Kept and shown, without effect here: see README.md.
  logConfiguration: z
    .strictObject({ logDriver: z.string(), options: z.record(z.string(), z.string()).optional() })
    .optional(),
  dockerLabels: z.record(z.string(), z.string()).optional(),
  portMappings: z.array(z.never()).optional(),
  volumesFrom: z.array(z.never()).optional(),
  systemControls: z.array(z.never()).optional(),
  versionConsistency: z.enum(['enabled', 'disabled']).optional(),
});

export const registerTaskDefinition = z.strictObject({
  family: name,
  containerDefinitions: z.array(containerDefinition).min(1).max(10),
  volumes: z.array(z.strictObject({ name, host: z.strictObject({}).optional() })).optional(),
  networkMode: z.enum(['bridge', 'host', 'none']).optional(),
  requiresCompatibilities: z.array(z.literal('EC2')).optional(),
  cpu: z.string().regex(/^\d+$/).optional(),
  memory: z.string().regex(/^\d+$/).optional(),
  tags: tags.optional(),
  // Kept and shown, without effect here: see README.md.
  taskRoleArn: z.string().optional(),
  executionRoleArn: z.string().optional(),
  runtimePlatform: z
    .strictObject({ cpuArchitecture: z.string().optional(), operatingSystemFamily: z.literal('LINUX').optional() })
    .optional(),
  placementConstraints: z.array(z.never()).optional(),
});

export type TaskDefinitionInput = z.infer<typeof registerTaskDefinition>;
export type ContainerDefinition = TaskDefinitionInput['containerDefinitions'][number];
export type DependencyCondition = z.infer<typeof dependency>['condition'];
