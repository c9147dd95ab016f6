export { aClaim, aJob, aManifest, changeAfter, EVENTS, jobIdOf, START_MS } from './builders.ts';
export { describeClients, type ClientsHarness } from './clients.conformance.ts';
export { describeJobQueue, type JobQueueHarness } from './job-queue.conformance.ts';
export { describeJobStore } from './job-store.conformance.ts';
export { CONFORMANCE_POOLS, type JobStoreHarness } from './job-store-harness.ts';
export { describeObjectStore, type ObjectStoreHarness } from './object-store.conformance.ts';
export { describeTaskRunner, type TaskKind, type TaskRunnerHarness } from './task-runner.conformance.ts';
