/**
 * A task definition in the words of ECS's RegisterTaskDefinition (camelCase), as far as we use them. An own type, so that
 * the infrastructure writes the same value without the SDK.
 */
export type JobTaskDefinition = {
  family: string;
  networkMode: 'bridge';
  requiresCompatibilities: 'EC2'[];
  runtimePlatform: { cpuArchitecture: 'X86_64'; operatingSystemFamily: 'LINUX' };
  taskRoleArn: string;
  executionRoleArn: string;
  /** An empty host = a volume of Docker's, shared by the task's containers and removed with them. */
  volumes: { name: string; host: { sourcePath?: string } }[];
  containerDefinitions: JobContainer[];
};

export type JobContainer = {
  name: string;
  image: string;
  essential: boolean;
  dependsOn: { containerName: string; condition: 'START' | 'SUCCESS' }[];
  entryPoint?: string[];
  command?: string[];
  workingDirectory?: string;
  environment: { name: string; value: string }[];
  /** 1,024 = one vCPU. A share while others want it too, not a limit. */
  cpu: number;
  /** Hard limit, MiB. */
  memory: number;
  user: string;
  privileged: false;
  readonlyRootFilesystem: true;
  disableNetworking?: true;
  dockerSecurityOptions: string[];
  linuxParameters: {
    initProcessEnabled: true;
    capabilities: { drop: string[] };
    tmpfs: { containerPath: string; size: number; mountOptions: string[] }[];
    sharedMemorySize?: number;
  };
  ulimits: { name: 'core' | 'fsize' | 'nproc'; softLimit: number; hardLimit: number }[];
  resourceRequirements?: { type: 'GPU'; value: string }[];
  mountPoints: { sourceVolume: string; containerPath: string; readOnly: boolean }[];
  /** SIGTERM to SIGKILL, seconds. */
  stopTimeout: number;
  logConfiguration: { logDriver: 'awslogs' | 'json-file'; options: Record<string, string> };
};
