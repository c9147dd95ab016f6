export { ManualClock } from './manual-clock.ts';
export { MemoryClients } from './memory-clients.ts';
export { MemoryJobQueue, type MemoryJobQueueOptions } from './memory-job-queue.ts';
export { MemoryJobStore, type MemoryJobStoreOptions } from './memory-job-store.ts';
export { MemoryObjectStore } from './memory-object-store.ts';
export { MemoryTaskRunner, type SimulatedState, type StopWish } from './memory-task-runner.ts';
