/** One container of a task as the simulator asks an engine to run it: a task definition's words, resolved. */
export type ContainerPlan = {
  /** Last part of the task's ARN. */
  taskId: string;
  /** Name in the task definition. */
  name: string;
  image: string;
  entryPoint: readonly string[] | null;
  command: readonly string[] | null;
  workingDirectory: string | null;
  environment: Readonly<Record<string, string>>;
  user: string | null;
  readonlyRootFilesystem: boolean;
  /** `bridge` and `host` are both the host's own network here; `none` when networking is disabled. */
  network: 'host' | 'none';
  /** Hard limit, MiB; null = none. */
  memoryMiB: number | null;
  cpuUnits: number;
  mounts: readonly { volume: string; containerPath: string; readOnly: boolean }[];
  tmpfs: readonly { containerPath: string; sizeMiB: number; options: readonly string[] }[];
  sharedMemoryMiB: number | null;
  ulimits: readonly { name: string; soft: number; hard: number }[];
  capabilitiesDropped: readonly string[];
  securityOptions: readonly string[];
  initProcessEnabled: boolean;
};

export type ContainerExit = { exitCode: number; oomKilled: boolean };

/** A container cannot be started. The message is shown as the container's `reason`, in ECS's own words. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart';
  /** `CannotPullContainerError` or `CannotStartContainerError`: the first word of ECS's reason. */
  readonly kind: 'CannotPullContainerError' | 'CannotStartContainerError';
  constructor(kind: CannotStart['kind'], detail: string) {
    super(`${kind}: ${detail}`);
    this.kind = kind;
  }
}

export type StartedContainer = { runtimeId: string; imageDigest: string | null };

/**
 * Runs the containers of tasks for the simulator. Two of them: the local Docker Engine, and functions in this
 * process for tests that need thousands of tasks. Volumes are named by task and shared between its containers.
 */
export interface ContainerEngine {
  /** Creates and starts. Throws CannotStart. */
  start(plan: ContainerPlan): Promise<StartedContainer>;
  /** Resolves when it ended by itself or was ended. */
  wait(runtimeId: string): Promise<ContainerExit>;
  /** SIGTERM, then SIGKILL after the grace. Returns once it ended. Safe to repeat. */
  stop(runtimeId: string, graceMs: number): Promise<void>;
  kill(runtimeId: string): Promise<void>;
  /** Removes the task's containers and volumes, by force. Safe to repeat. */
  removeTask(taskId: string): Promise<void>;
  close(): Promise<void>;
}
