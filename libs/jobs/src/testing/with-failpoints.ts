import type { Clients } from '../ports/clients.ts';
import type { Delivery, JobQueue } from '../ports/job-queue.ts';
import type { JobStore } from '../ports/job-store.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { TaskRunner } from '../ports/task-runner.ts';

/**
 * Called right before and right after every side effect, with the point's name: `operation/port.method(subject):side`.
 * It may end the process, wait, or throw. What it throws after an effect is an error about something that was done.
 */
export type Visit = (point: string) => Promise<void>;

type Ports = { store: JobStore; objects: ObjectStore; queue: JobQueue; runner: TaskRunner; clients: Clients };

/** Runs one side effect between its two points. */
type Around = <T>(effect: string, work: () => Promise<T>) => Promise<T>;

/**
 * The same ports, with a failpoint on either side of each call that changes something. For tests: all side effects of the
 * platform are calls of ports, so no code of its own needs to know. The methods are written out: whoever adds one to a
 * port is asked by the compiler whether it changes something.
 */
export function withFailpoints<P extends Partial<Ports>>(ports: P, operation: string, visit: Visit): P {
  const around: Around = async (effect, work) => {
    await visit(`${operation}/${effect}:before`);
    const result = await work();
    await visit(`${operation}/${effect}:after`);
    return result;
  };
  return {
    ...ports,
    ...(ports.store && { store: aroundStore(ports.store, around) }),
    ...(ports.objects && { objects: aroundObjects(ports.objects, around) }),
    ...(ports.queue && { queue: aroundQueue(ports.queue, around) }),
    ...(ports.runner && { runner: aroundRunner(ports.runner, around) }),
    ...(ports.clients && { clients: aroundClients(ports.clients, around) }),
  };
}

function aroundStore(store: JobStore, around: Around): JobStore {
  return {
    create: (job, claim) => around('store.create', () => store.create(job, claim)),
    get: (jobId) => store.get(jobId),
    marks: (jobIds) => store.marks(jobIds),
    save: (change) => around(`store.save(${change.event})`, () => store.save(change)),
    recordProgress: (jobId, epoch, progress) =>
      around('store.recordProgress', () => store.recordProgress(jobId, epoch, progress)),
    listActive: (page) => store.listActive(page),
    listExpiring: (page) => store.listExpiring(page),
    list: (ask) => store.list(ask),
    room: (pool) => store.room(pool),
    countQueued: (clientId, atMost) => store.countQueued(clientId, atMost),
    hasClaim: (keyDigest, nowMs) => store.hasClaim(keyDigest, nowMs),
    census: (atMost) => store.census(atMost),
  };
}

function aroundObjects(objects: ObjectStore, around: Around): ObjectStore {
  return {
    put: (key, body, how) => around(`objects.put(${withoutIds(key)})`, () => objects.put(key, body, how)),
    get: (key, range) => objects.get(key, range),
    head: (key) => objects.head(key),
    list: (prefix) => objects.list(prefix),
    copy: (from, to) => around(`objects.copy(${withoutIds(to)})`, () => objects.copy(from, to)),
    delete: (keys) => around('objects.delete', () => objects.delete(keys)),
    deletePrefix: (prefix) => around('objects.deletePrefix', () => objects.deletePrefix(prefix)),
    signDownload: (key, as) => objects.signDownload(key, as),
  };
}

function aroundQueue(queue: JobQueue, around: Around): JobQueue {
  return {
    send: (job, delayMs) => around('queue.send', () => queue.send(job, delayMs)),
    receive: async (ask) => {
      const deliveries = await around('queue.receive', () => queue.receive(ask));
      return deliveries.map((delivery) => aroundDelivery(delivery, around));
    },
    depth: () => queue.depth(),
  };
}

function aroundDelivery(delivery: Delivery, around: Around): Delivery {
  return {
    jobId: delivery.jobId,
    receivedCount: delivery.receivedCount,
    ack: () => around('queue.ack', () => delivery.ack()),
    release: (delayMs) => around('queue.release', () => delivery.release(delayMs)),
  };
}

function aroundRunner(runner: TaskRunner, around: Around): TaskRunner {
  return {
    definitionOf: (model) => runner.definitionOf(model),
    launch: (spec) => around('runner.launch', () => runner.launch(spec)),
    inspect: (task) => runner.inspect(task),
    stop: (task, mode) => around(`runner.stop(${mode})`, () => runner.stop(task, mode)),
    list: () => runner.list(),
    remove: (task) => around('runner.remove', () => runner.remove(task)),
    events: (signal) => runner.events(signal),
  };
}

function aroundClients(clients: Clients, around: Around): Clients {
  return {
    findKey: (keyId) => clients.findKey(keyId),
    putKey: (key) => around('clients.putKey', () => clients.putKey(key)),
    revokeKey: (keyId, atMs) => around('clients.revokeKey', () => clients.revokeKey(keyId, atMs)),
    listKeys: () => clients.listKeys(),
    audit: (event) => around(`clients.audit(${event.action})`, () => clients.audit(event)),
  };
}

/** What is the same in every job and attempt of a key. */
function withoutIds(key: string): string {
  return key.replace(/^jobs\/[^/]+\//, '').replace(/^attempts\/\d+\//, 'attempts/N/');
}
