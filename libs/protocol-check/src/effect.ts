import { Readable } from 'node:stream';
import { attemptArtifactKey, jobPrefix, LIMITS, reportKey, type JobId } from '@bpi/job-contract';
import { ObjectNotFound, type AdvanceContext, type Change, type TaskId } from '@bpi/jobs';

/** A port call that a program waits for, with the numbers of job and epoch instead of names. */
export type Effect =
  | { call: 'get'; job: number }
  | { call: 'save'; job: number; change: Change }
  | { call: 'room' }
  | { call: 'send'; job: number }
  | { call: 'inspect'; job: number; epoch: number }
  | { call: 'launch'; job: number; epoch: number }
  | { call: 'stop'; job: number; epoch: number; mode: 'ask' | 'force' }
  | { call: 'remove'; job: number; epoch: number }
  | { call: 'list' }
  | { call: 'readReport'; job: number; epoch: number }
  /** `copy` of an attempt's artifact to its fixed name. */
  | { call: 'show'; job: number; epoch: number }
  /** `deletePrefix` of everything of a job. */
  | { call: 'erase'; job: number }
  /** `list` of every job's objects. */
  | { call: 'listObjects' };

/** What `list` of the objects finds. */
export type ListedObject = { key: string; bytes: number; modifiedAtMs: number };

export const SHOWN_ARTIFACT = 'pred_mask.npz';

type Ports = Pick<AdvanceContext, 'store' | 'queue' | 'runner' | 'objects'>;

/** Ports that turn every call into an effect. What no program under check calls is an error. */
export function effectPorts(call: (effect: Effect) => Promise<unknown>, jobIds: readonly JobId[]): Ports {
  const job = (jobId: JobId): number => jobIds.indexOf(jobId);
  const unused = (): never => {
    throw new Error('the model has no such port call: add it');
  };
  const task = ({ jobId, epoch }: TaskId): { job: number; epoch: number } => ({ job: job(jobId), epoch });
  // The model replies to each effect with the type that its port promises (model.spec runs every kind of reply).
  const typed = <T>(effect: Effect): Promise<T> => call(effect) as Promise<T>;
  return {
    store: {
      get: (jobId) => typed({ call: 'get', job: job(jobId) }),
      save: (change) => typed({ call: 'save', job: job(change.before.jobId), change }),
      room: () => typed({ call: 'room' }),
      create: unused,
      listActive: unused,
      marks: unused,
      listExpiring: unused,
      list: unused,
      countQueued: unused,
      hasClaim: unused,
      census: unused,
      recordProgress: unused,
    },
    queue: { send: ({ jobId }) => typed({ call: 'send', job: job(jobId) }), receive: unused, depth: unused },
    runner: {
      definitionOf: () => null,
      inspect: (id) => typed({ call: 'inspect', ...task(id) }),
      launch: ({ jobId, epoch }) => typed({ call: 'launch', job: job(jobId), epoch }),
      stop: (id, mode) => typed({ call: 'stop', ...task(id), mode }),
      remove: (id) => typed({ call: 'remove', ...task(id) }),
      list: () => typed({ call: 'list' }),
      events: unused,
    },
    objects: {
      get: async (key) => {
        const text = await typed<string | null>({ call: 'readReport', ...placeOf(key, jobIds) });
        if (text === null) throw new ObjectNotFound();
        return Readable.from([Buffer.from(text)]);
      },
      copy: async (from) => {
        const copied = await typed<boolean>({ call: 'show', ...placeOf(from, jobIds) });
        if (!copied) throw new ObjectNotFound();
      },
      deletePrefix: (prefix) => typed({ call: 'erase', job: jobIds.findIndex((jobId) => prefix === jobPrefix(jobId)) }),
      list: async function* () {
        yield* await typed<ListedObject[]>({ call: 'listObjects' });
      },
      put: unused,
      head: unused,
      signDownload: unused,
      delete: unused,
    },
  };
}

/** Which attempt a key belongs to. */
function placeOf(key: string, jobIds: readonly JobId[]): { job: number; epoch: number } {
  for (const [job, jobId] of jobIds.entries()) {
    for (let epoch = 1; epoch <= LIMITS.attemptsMax; epoch += 1) {
      if (key === reportKey(jobId, epoch) || key === attemptArtifactKey(jobId, epoch, SHOWN_ARTIFACT))
        return { job, epoch };
    }
  }
  throw new Error('the model has no such object');
}
