import type { JobId } from '@bpi/job-contract';
import {
  advance,
  erasureDue,
  isOrphan,
  removeForgottenInputs,
  RULES,
  sweepJob,
  type AdvanceContext,
  type Rules,
} from '@bpi/jobs';
import { oneJob, TINY_POLICY, type Bounds } from './bounds.ts';
import { JOB_IDS, type Protocol } from './model.ts';
import { REAL } from './real-protocol.ts';
import { manifestOf } from './report-text.ts';
import { saveInto } from './store.ts';
import type { Invariant } from './violation.ts';

/** The protocol with one rule of the design's task discipline broken, the bounds that show it, and what it breaks. */
export type Variant = { name: string; protocol: Protocol; bounds: Bounds; breaks: Invariant };

function withRules(rules: Partial<Rules>): Protocol {
  return { ...REAL, rules: { ...RULES, ...rules } };
}

function withPrograms(programs: Partial<Protocol['programs']>): Protocol {
  return { ...REAL, programs: { ...REAL.programs, ...programs } };
}

/** Two attempts are enough to break a rule. */
const SMALL: Partial<Bounds> = { policy: { ...TINY_POLICY, retriesMax: { platform: 1, interrupted: 0, capacity: 0 } } };
const NEVER_MS = 1_000_000;

const launchAfterIntent: Rules['decide'] = (job, sight, nowMs, policy) => {
  const step = RULES.decide(job, sight, nowMs, policy);
  const unlaunched = sight.observation?.state === 'missing' && job.attempt?.task === null;
  return unlaunched && job.attempt?.intent !== null && step.step === 'wait' ? { step: 'launch' } : step;
};

const launchAnyhow: Rules['mayLaunch'] = () => true;

const leaveBeforeGone: Rules['decide'] = (job, sight, nowMs, policy) => {
  const step = RULES.decide(job, sight, nowMs, policy);
  const code = job.attempt?.intent?.code;
  return step.step === 'stop' && code !== undefined ? { step: 'fail', code } : step;
};

const stopOnce: Rules['decide'] = (job, sight, nowMs, policy) => {
  const step = RULES.decide(job, sight, nowMs, policy);
  return step.step === 'stop' ? { step: 'wait', note: step.note, untilMs: null } : step;
};

const exitCodeMissingIsSuccess: Rules['decide'] = (job, sight, nowMs, policy) => {
  const { observation, report } = sight;
  const forgotten = observation?.state === 'stopped' && observation.exitCode === null && report === null;
  if (!forgotten || job.attempt === null || job.attempt.intent !== null) return RULES.decide(job, sight, nowMs, policy);
  return { step: 'publish', manifest: manifestOf(job.jobId, job.attempt.epoch) };
};

const reportOfForgottenIgnored: Rules['decide'] = (job, sight, nowMs, policy) =>
  RULES.decide(job, sight.observation?.state === 'missing' ? { ...sight, report: null } : sight, nowMs, policy);

/** Reads whatever report the first attempt left, also for a later one. */
const unfenced: Rules['readReport'] = async (objects, jobId, epoch) =>
  (await RULES.readReport(objects, jobId, 1)) ?? (epoch === 1 ? null : RULES.readReport(objects, jobId, epoch));

const projectedTooEarly: Rules['transition'] = (before, event) => {
  const change = RULES.transition(before, event);
  if (event.type !== 'published') return change;
  return { ...change, after: { ...change.after, projectedVersion: change.after.version } };
};

/** Reads the job first, lists the tasks after that, and takes every other epoch for an orphan's. */
async function orphansByOldTruth(context: AdvanceContext): Promise<void> {
  const [jobId] = JOB_IDS;
  if (jobId === undefined) throw new Error('a job is needed');
  const stored = await context.store.get(jobId);
  for (const task of await context.runner.list()) {
    const newer = task.epoch > (stored?.job.attempt?.epoch ?? 0);
    if (task.live && (newer || isOrphan(task, stored?.job ?? null))) await context.runner.stop(task, 'ask');
  }
}

/** Judges what it saw by the time after the look, as `advance` once did. */
async function clockAfterLook(context: AdvanceContext, jobId: JobId): Promise<void> {
  const decide: Rules['decide'] = (job, sight, _, policy) => RULES.decide(job, sight, context.clock.nowMs(), policy);
  await advance({ ...context, rules: { ...RULES, decide } }, jobId);
}

/** A stored report of a task that was never recorded only postpones, as `decide` once did. */
const reportWithoutRecord: Rules['decide'] = (job, sight, nowMs, policy) => {
  const { attempt } = job;
  const unrecorded = attempt !== null && attempt.task === null && attempt.intent === null;
  return unrecorded && sight.observation?.state === 'missing' && sight.report !== null
    ? { step: 'launch' }
    : RULES.decide(job, sight, nowMs, policy);
};

/** Sweeps like the real one, but a queued job is left to its wake-up. */
const neverResent: Protocol['programs']['sweepJob'] = async (context, job) => {
  if (job.phase !== 'queued')
    await sweepJob(context, job, new Map(), { jobs: 0, woken: 0, orphans: 0, oldestQueuedMs: 0 });
};

/** Takes the second erasure for done by the first. */
async function eraseOnce(context: AdvanceContext, jobId: JobId): Promise<void> {
  let isErased = false;
  const get: AdvanceContext['store']['get'] = async (id) => {
    const stored = await context.store.get(id);
    isErased = stored !== null && stored.job.deletion !== null && stored.job.deletion.erasedAtMs !== null;
    return stored;
  };
  const deletePrefix: AdvanceContext['objects']['deletePrefix'] = async (prefix) => {
    if (!isErased) await context.objects.deletePrefix(prefix);
  };
  const store = { ...context.store, get };
  await advance({ ...context, store, objects: { ...context.objects, deletePrefix } }, jobId);
}

const eraseAtOnce: Rules['decide'] = (job, sight, nowMs, policy) =>
  job.deletion !== null && job.deletion.erasedAtMs === null
    ? { step: 'erase', then: 'erased' }
    : RULES.decide(job, sight, nowMs, policy);

/** Counts a deletion as done while stopped tasks are still to be removed. */
const doneTooEarly: Rules['transition'] = (before, event) => {
  const { deletion } = before;
  if (event.type !== 'erased' || deletion === null) return RULES.transition(before, event);
  const change = RULES.transition({ ...before, leftovers: [] }, { type: 'deleted', atMs: event.atMs });
  return { ...change, before, after: { ...change.after, leftovers: before.leftovers } };
};

const projectDeleted: Rules['decide'] = (job, sight, nowMs, policy) => {
  const isDue = job.endedVersion !== null && job.projectedVersion < job.endedVersion;
  const isErased = job.deletion !== null && job.deletion.erasedAtMs !== null;
  return isDue && isErased ? { step: 'project' } : RULES.decide(job, sight, nowMs, policy);
};

const projectedAgain: Rules['transition'] = (before, event) => {
  if (event.type !== 'projected') return RULES.transition(before, event);
  const change = RULES.transition({ ...before, deletion: null }, event);
  return { ...change, before, after: { ...change.after, deletion: before.deletion } };
};

/** Cleans like the real one, but leaves alone what has a record. */
async function recordsKeepFiles(context: AdvanceContext): Promise<void> {
  const get: AdvanceContext['store']['get'] = async (jobId) => {
    const stored = await context.store.get(jobId);
    return stored === null ? null : { ...stored, job: { ...stored.job, deletion: null } };
  };
  for await (const _ of removeForgottenInputs({ ...context, store: { ...context.store, get } }));
}

/** Sweeps like the real one, but does not look at what is over and shown. */
const deletionsUnswept: Protocol['programs']['sweepJob'] = async (context, job) => {
  if (!erasureDue(job)) await REAL.programs.sweepJob(context, job);
};

const saveBlindly: typeof saveInto = (store, ask) => saveInto(store, { ...ask, isNewest: true });

const small = (name: string, trouble: Parameters<typeof oneJob>[1]): Bounds => oneJob(name, trouble, SMALL);

/** One attempt, where the rule is about a job's end. */
const single = (name: string, trouble: Parameters<typeof oneJob>[1]): Bounds =>
  oneJob(name, trouble, { policy: { ...TINY_POLICY, retriesMax: { platform: 0, interrupted: 0, capacity: 0 } } });

export const VARIANTS: readonly Variant[] = [
  {
    name: '1a: launches without looking at lease and window',
    protocol: withRules({ mayLaunch: launchAnyhow }),
    bounds: small('1a', { stalls: 1 }),
    breaks: 'launchDiscipline',
  },
  {
    name: '1b: launches after an intent',
    protocol: withRules({ decide: launchAfterIntent, mayLaunch: launchAnyhow }),
    bounds: small('1b', { crashes: 1, cancels: 1 }),
    breaks: 'launchDiscipline',
  },
  {
    name: '2: leaves the attempt before its task is gone',
    protocol: withRules({ decide: leaveBeforeGone }),
    bounds: small('2', { cancels: 1 }),
    breaks: 'oneTask',
  },
  {
    name: '3: takes a missing task for gone at once',
    protocol: { ...REAL, policy: { taskGoneAfterMs: 0 } },
    bounds: small('3', {}),
    breaks: 'oneTask',
  },
  {
    name: '3b: judges an old look by a new clock',
    protocol: withPrograms({ advance: clockAfterLook }),
    bounds: small('3b', { stalls: 1 }),
    breaks: 'oneTask',
  },
  {
    name: '4a: never stops harder',
    protocol: { ...REAL, policy: { stopEscalationMs: NEVER_MS } },
    bounds: { ...small('4a', { stubborn: 1 }), workers: 1 },
    breaks: 'settles',
  },
  {
    name: '4b: asks to stop only once',
    protocol: withRules({ decide: stopOnce }),
    bounds: { ...small('4b', { stubborn: 1 }), workers: 1 },
    breaks: 'settles',
  },
  {
    name: '5: publishes an older attempt’s report',
    protocol: { ...withRules({ readReport: unfenced }), keepsOldReports: true },
    bounds: { ...small('5', { zombies: 1 }), workers: 1 },
    breaks: 'onePublication',
  },
  {
    name: '6a: takes a missing exit code for a success',
    protocol: withRules({ decide: exitCodeMissingIsSuccess }),
    bounds: small('6a', {}),
    breaks: 'onePublication',
  },
  {
    name: '6b: ignores the report of a forgotten task',
    protocol: withRules({ decide: reportOfForgottenIgnored }),
    bounds: small('6b', { forgets: 1 }),
    breaks: 'workKept',
  },
  {
    name: '6c: launches again for ever when only the report is left of a task',
    protocol: withRules({ decide: reportWithoutRecord }),
    bounds: { ...small('6c', { forgets: 1, crashes: 1 }), workers: 1 },
    breaks: 'settles',
  },
  {
    name: '7: lists tasks after reading the job and stops newer ones',
    protocol: withPrograms({ stopOrphans: orphansByOldTruth }),
    bounds: small('7', {}),
    breaks: 'noWrongStop',
  },
  {
    name: '8: notes the projection before it is made',
    protocol: withRules({ transition: projectedTooEarly }),
    bounds: { ...small('8', { crashes: 1 }), workers: 1 },
    breaks: 'settles',
  },
  {
    name: '9a: erases only once',
    protocol: withPrograms({ advance: eraseOnce }),
    bounds: { ...small('9a', { zombies: 1, deletes: 1 }), workers: 1 },
    breaks: 'erasedWhole',
  },
  {
    name: '9b: erases while the attempt may live',
    protocol: withRules({ decide: eraseAtOnce }),
    bounds: small('9b', { deletes: 1 }),
    breaks: 'erasedWhenOver',
  },
  {
    name: '9c: projects after the files were erased',
    protocol: withRules({ decide: projectDeleted, transition: projectedAgain }),
    bounds: { ...small('9c', { deletes: 1 }), workers: 1 },
    breaks: 'tombstone',
  },
  {
    name: '9d: calls a deletion done before the last task is removed',
    protocol: withRules({ transition: doneTooEarly }),
    bounds: { ...small('9d', { deletes: 1 }), workers: 1 },
    breaks: 'erasedWhole',
  },
  {
    name: '9e: nobody looks for what a zombie wrote after all',
    protocol: withPrograms({ clean: recordsKeepFiles }),
    bounds: { ...single('9e', { zombies: 1, deletes: 1 }), workers: 1 },
    breaks: 'settles',
  },
  {
    name: '9f: the sweep does not look after deletions',
    protocol: withPrograms({ sweepJob: deletionsUnswept }),
    bounds: { ...single('9f', { deletes: 1 }), workers: 1 },
    breaks: 'settles',
  },
  {
    name: '10: the sweep does not send lost wake-ups again',
    protocol: withPrograms({ sweepJob: neverResent }),
    bounds: { ...small('10', {}), workers: 1 },
    breaks: 'settles',
  },
  {
    name: 'compare-and-set: saves over whatever is stored',
    protocol: { ...REAL, save: saveBlindly, blindSaves: true },
    bounds: small('cas', {}),
    breaks: 'oneEnd',
  },
];
