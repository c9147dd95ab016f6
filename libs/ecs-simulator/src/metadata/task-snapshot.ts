/** One container of a task as ECS describes it, besides what only its agent knows. */
export type ContainerSnapshot = {
  /** Name in the task definition. */
  name: string;
  image: string;
  /** `sha256:…`; null = not known. */
  imageDigest: string | null;
  /** Null until the container is created, and for ever if it never is: such a container is not listed. */
  runtimeId: string | null;
  /** DescribeTasks' words. */
  lastStatus: 'PENDING' | 'RUNNING' | 'STOPPED';
  exitCode: number | null;
  /** Milliseconds since 1970. */
  createdAtMs: number | null;
  startedAtMs: number | null;
  finishedAtMs: number | null;
};

/** A task as its containers see it through the endpoint, at one moment. */
export type TaskSnapshot = {
  clusterArn: string;
  taskArn: string;
  family: string;
  revision: number;
  desiredStatus: 'RUNNING' | 'STOPPED';
  availabilityZone: string;
  launchType: 'EC2' | 'FARGATE';
  /** All containers of the task definition, those without `runtimeId` too. */
  containers: readonly ContainerSnapshot[];
};

/** What a token stands for: the container it was given to, and its task. */
export type TokenSnapshot = { task: TaskSnapshot; containerName: string };
