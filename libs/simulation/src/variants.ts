import { isTerminal, type JobId, type Manifest, type Retention } from '@bpi/job-contract';
import { RULES, type AdvanceContext, type Change, type JobEvent, type JobStore, type Rules } from '@bpi/jobs';
import type { Invariant } from './invariants.ts';
import { CALM, type Weather } from './weather.ts';
import type { Sabotage } from './worker-program.ts';

/** The worker with one rule broken, and what that is expected to break. */
export type Variant = { name: string; sabotage: Sabotage; breaks: readonly Invariant[]; weather?: Partial<Weather> };

const NEVER_MS = 10 * 24 * 60 * 60 * 1_000;

const withDecide = (decide: Rules['decide']): Sabotage => ({ rules: { decide } });

/** Reads whatever report the first attempt left, also for a later one. */
const anyReport: Rules['readReport'] = async (objects, jobId, epoch) =>
  (await RULES.readReport(objects, jobId, 1)) ?? (epoch === 1 ? null : RULES.readReport(objects, jobId, epoch));

const retryBeforeGone: Rules['decide'] = (job, sight, nowMs, policy) => {
  const step = RULES.decide(job, sight, nowMs, policy);
  const code = job.attempt?.intent?.code;
  return step.step === 'stop' && code !== undefined
    ? { step: 'retry', code: 'platform_error', notBeforeMs: nowMs, shrink: 'no' }
    : step;
};

const eraseAtOnce: Rules['decide'] = (job, sight, nowMs, policy) =>
  job.deletion !== null && job.deletion.erasedAtMs === null && !isTerminal(job.phase)
    ? { step: 'erase', then: 'erased' }
    : RULES.decide(job, sight, nowMs, policy);

const exitWithoutCodeIsSuccess: Rules['decide'] = (job, sight, nowMs, policy) => {
  const { observation, report } = sight;
  const isForgotten = observation?.state === 'stopped' && observation.exitCode === null && report === null;
  if (!isForgotten || job.attempt === null || job.attempt.intent !== null)
    return RULES.decide(job, sight, nowMs, policy);
  return { step: 'publish', manifest: manifestOfNothing(job.jobId, job.attempt.epoch) };
};

function manifestOfNothing(jobId: JobId, epoch: number): Manifest {
  const key = `jobs/${jobId}/attempts/${epoch}/output/pred_mask.npz`;
  return [{ name: 'pred_mask.npz', key, bytes: 0, sha256: '0'.repeat(64), media_type: 'application/octet-stream' }];
}

const successBeatsCancel: Rules['decide'] = (job, sight, nowMs, policy) =>
  RULES.decide(sight.report?.result === 'stored' ? { ...job, cancelRequestedAtMs: null } : job, sight, nowMs, policy);

const projectedTooEarly: Rules['transition'] = (before, event) => {
  const change = RULES.transition(before, event);
  if (event.type !== 'published') return change;
  // In place, since a store takes only what the real transition made: this is the very record that it will keep.
  return RULES.transition({ ...before, projectedVersion: before.version + 1 }, event);
};

/** Saves over whatever is stored, from what it knew. */
function savesBlindly(): Sabotage {
  const events = new WeakMap<Change, JobEvent>();
  const transition: Rules['transition'] = (before, event) => {
    const change = RULES.transition(before, event);
    events.set(change, event);
    return change;
  };
  const saveOver = async (store: JobStore, change: Change) => {
    const saved = await store.save(change);
    const event = events.get(change);
    if (saved !== 'stale' || event === undefined) return saved;
    const stored = await store.get(change.after.jobId);
    return store.save(RULES.transition({ ...change.before, version: stored?.job.version ?? 0 }, event));
  };
  const context = (given: AdvanceContext): AdvanceContext => ({
    ...given,
    store: replaced(given.store, { save: (change) => saveOver(given.store, change) }),
  });
  return { rules: { transition }, context };
}

/** Judges the tasks that it lists now by the jobs that it knew at its last look, and stops newer ones, too. */
function orphansByOldTruth(given: AdvanceContext): AdvanceContext {
  const known = new Map<JobId, number>();
  const list: AdvanceContext['runner']['list'] = async () => {
    const listed = await given.runner.list();
    for (const task of listed) {
      const isNewer = task.epoch > (known.get(task.jobId) ?? 0);
      if (task.live && isNewer) await given.runner.stop(task, 'ask');
      known.set(task.jobId, task.epoch);
    }
    return listed;
  };
  return { ...given, runner: replaced(given.runner, { list }) };
}

/** A wake-up that is due at once is not sent: nobody mends a lost one. */
function neverResent(given: AdvanceContext): AdvanceContext {
  const send: AdvanceContext['queue']['send'] = async (job, delayMs) => {
    if (delayMs > 0) await given.queue.send(job, delayMs);
  };
  return { ...given, queue: replaced(given.queue, { send }) };
}

function neverRemoves(given: AdvanceContext): AdvanceContext {
  return { ...given, runner: replaced(given.runner, { remove: async () => {} }) };
}

function neverErases(given: AdvanceContext): AdvanceContext {
  return { ...given, objects: replaced(given.objects, { deletePrefix: async () => {} }) };
}

/** What is due of a class is taken for due of all of them. */
function expiresAll(given: AdvanceContext): AdvanceContext {
  const listExpiring: JobStore['listExpiring'] = async (page) => {
    const jobs = await given.store.listExpiring(page);
    return jobs.map((job) => (job.retention === null ? job : { ...job, retention: allAsInput(job.retention) }));
  };
  return { ...given, store: replaced(given.store, { listExpiring }) };
}

function allAsInput({ inputMs, recordMs }: Retention): Retention {
  return { inputMs, logsMs: inputMs, resultMs: inputMs, recordMs };
}

function neverExpires(given: AdvanceContext): AdvanceContext {
  return { ...given, objects: replaced(given.objects, { delete: async () => {} }) };
}

/** The same port, whose methods go on being its own, with some of them replaced. */
function replaced<T extends object>(port: T, methods: Partial<T>): T {
  return new Proxy(port, {
    get: (target, name) => {
      const own: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

export const VARIANTS: readonly Variant[] = [
  {
    name: 'publishes whatever attempt left a report',
    sabotage: { rules: { readReport: anyReport } },
    weather: { partitioned: 0.3, killed: 0 },
    breaks: ['onePublication'],
  },
  {
    name: 'launches without looking at lease and window',
    sabotage: { rules: { mayLaunch: () => true } },
    weather: { ...CALM, stalledAtMove: 0.3, launchRefused: 0.5 },
    breaks: ['oneTask', 'budget'],
  },
  { name: 'retries before the task is gone', sabotage: withDecide(retryBeforeGone), breaks: ['oneTask'] },
  { name: 'takes a missing task for gone at once', sabotage: { policy: { taskGoneAfterMs: 0 } }, breaks: ['oneTask'] },
  {
    name: 'asks to stop and never insists',
    sabotage: { policy: { stopEscalationMs: NEVER_MS } },
    weather: { stubborn: 0.5 },
    breaks: ['settles'],
  },
  { name: 'takes newer tasks for orphans', sabotage: { context: orphansByOldTruth }, breaks: ['wrongStop'] },
  {
    name: 'saves over whatever is stored',
    sabotage: savesBlindly(),
    weather: { callSlow: 0.3, eventTwice: 0.5, eventLost: 0 },
    breaks: ['oneEnd', 'monotone', 'versioned', 'oneTask', 'onePublication', 'gone', 'slots', 'budget', 'noBug'],
  },
  {
    name: 'removes files while the attempt may live',
    sabotage: withDecide(eraseAtOnce),
    breaks: ['erasedWhenOver', 'noBug'],
  },
  {
    name: 'takes a forgotten exit code for success',
    sabotage: withDecide(exitWithoutCodeIsSuccess),
    breaks: ['onePublication'],
  },
  { name: 'lets a success beat a cancellation', sabotage: withDecide(successBeatsCancel), breaks: ['gone'] },
  {
    name: 'notes the projection before it is made',
    sabotage: { rules: { transition: projectedTooEarly } },
    breaks: ['clean'],
  },
  { name: 'never sends a lost wake-up again', sabotage: { context: neverResent }, breaks: ['settles'] },
  { name: 'never removes a stopped task', sabotage: { context: neverRemoves }, breaks: ['clean'] },
  { name: 'never removes a deleted job’s files', sabotage: { context: neverErases }, breaks: ['clean'] },
  { name: 'never removes what is past its time', sabotage: { context: neverExpires }, breaks: ['clean'] },
  {
    name: 'removes every file when the first is past its time',
    sabotage: { context: expiresAll },
    breaks: ['keptAsPromised'],
  },
];
