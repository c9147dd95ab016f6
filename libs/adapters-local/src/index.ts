export { buildContainerOptions, type ContainerPlan } from './docker/container-options.ts';
export { DockerTaskRunner, type DockerTaskRunnerOptions } from './docker/docker-task-runner.ts';
export type { DockerRunnerSettings } from './docker/drive.ts';
export { killModelContainers, platformLabelOf } from './docker/installation.ts';
export { TaskRunnerError, type TaskRunnerErrorCode } from './docker/task-runner-error.ts';
export { FsObjectStore } from './fs-object-store.ts';
export {
  openPlatformDatabase,
  PlatformDatabase,
  PlatformDatabaseError,
  type PlatformDatabaseErrorCode,
} from './platform-database.ts';
export { SqliteClients } from './sqlite-clients.ts';
export { SqliteJobQueue, type SqliteJobQueueOptions } from './sqlite-job-queue.ts';
export { SqliteJobStore, type SqliteJobStoreOptions } from './sqlite-job-store.ts';
