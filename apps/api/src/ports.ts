import type { Clients, JobQueue, JobStore, ObjectStore } from '@bpi/jobs';

/** The ports the API uses. It writes and wakes; it never runs a task. */
export type ApiPorts = { store: JobStore; queue: JobQueue; objects: ObjectStore; clients: Clients };
