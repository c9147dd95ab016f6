import { holdsSlot, inputKey } from '@bpi/job-contract';
import { CLEAN_LIMITS, type LaunchResult, type ListedTask, type Observation, type StoredJob } from '@bpi/jobs';
import { checkErase, checkNewTask, checkPool, checkSave, checkShown, checkStop } from './checks.ts';
import type { Effect, ListedObject } from './effect.ts';
import { JOB_IDS, type Model, type Worker } from './model.ts';
import { normalized, NOW_MS, shifted } from './record-time.ts';
import { reportTextOf } from './report-text.ts';
import type { Node, Reply } from './replay.ts';
import type { Store } from './store.ts';
import {
  isShownLive,
  NEW_TASK,
  spent,
  taskOf,
  withFiles,
  withShown,
  withTask,
  withWritten,
  type Task,
  type World,
} from './world.ts';

/** One thing that a port call may come to, and what it leaves behind. */
export type Outcome = {
  label: string;
  /** Tells this outcome's reply apart from others to the same call. */
  key: string;
  reply: Reply;
  store: Store;
  world: World;
  /** The version the worker may save over after this. */
  known: number;
  /** The job whose record changed, so that what others know of it is stale; null = none. */
  saved: number | null;
};

type At = { model: Model; store: Store; world: World; worker: Worker; node: Node };

/** All outcomes of the call a worker waits for. Throws a Violation where one breaks an invariant. */
export function outcomes(at: At, effect: Effect): Outcome[] {
  const { store, world } = at;
  switch (effect.call) {
    case 'get':
      return [get(at, effect.job)];
    case 'save':
      return [save(at, effect)];
    case 'room': {
      const { slots } = at.model.bounds;
      return [same(at, 'room', { slots, free: slots - store.holders.length })];
    }
    case 'send':
      return [same(at, 'send', undefined)];
    case 'inspect':
      return [same(at, 'inspect', observe(taskOf(world, effect.job, effect.epoch), refOf(effect)))];
    case 'readReport': {
      const isThere = world.files[effect.job] === 'whole';
      const report = isThere ? (taskOf(world, effect.job, effect.epoch)?.report ?? null) : null;
      return [same(at, 'readReport', report === null ? null : reportTextOf(idOf(effect.job), effect.epoch, report))];
    }
    case 'list':
      return [same(at, 'list', listed(at))];
    case 'launch':
      return launch(at, effect);
    case 'stop': {
      checkStop({ store, world, ...effect });
      return [{ ...same(at, `stop ${effect.mode}`, undefined), world: asked(world, effect) }];
    }
    case 'remove': {
      const task = taskOf(world, effect.job, effect.epoch);
      const gone =
        task?.state === 'ended' ? withTask(world, effect.job, effect.epoch, { ...NEW_TASK, state: 'removed' }) : world;
      return [{ ...same(at, 'remove', undefined), world: gone }];
    }
    case 'show':
      return show(at, effect);
    case 'erase':
      checkErase(store, effect.job);
      return [
        { ...same(at, 'erase', undefined), world: withShown(withFiles(world, effect.job, 'none'), effect.job, 0) },
      ];
    case 'listObjects':
      return [same(at, 'listObjects', listedObjects(at))];
  }
}

function same({ store, world, worker }: At, label: string, value: unknown): Outcome {
  const key = value === undefined ? '' : JSON.stringify(value);
  return {
    label,
    key: `${label}${key}`,
    reply: { kind: 'value', value },
    store,
    world,
    known: worker.known,
    saved: null,
  };
}

function idOf(job: number): (typeof JOB_IDS)[number] {
  const jobId = JOB_IDS[job];
  if (jobId === undefined) throw new Error('no such job');
  return jobId;
}

export function refOf({ job, epoch }: { job: number; epoch: number }): string {
  return `task-${job}-${epoch}`;
}

function get(at: At, job: number): Outcome {
  const { model, store, worker } = at;
  const record = store.jobs[job];
  if (record === undefined) throw new Error('no such job');
  const stored: StoredJob = { job: shifted(record, worker.ageTicks), progress: null };
  const outcome = same(at, 'get', undefined);
  return {
    ...outcome,
    key: `get${model.records.idOf(record)}`,
    reply: { kind: 'value', value: stored },
    known: record.version,
  };
}

function save(at: At, { job, change }: Extract<Effect, { call: 'save' }>): Outcome {
  const { model, store, world, worker } = at;
  const { slots, policy } = model.bounds;
  const isNewest = worker.known === change.before.version;
  const done = model.protocol.save(store, { job, change, isNewest, slots });
  const outcome = same(at, `save ${change.event}: ${done.result}`, done.result);
  if (done.result !== 'saved') return outcome;
  const before = store.jobs[job];
  if (before === undefined) throw new Error('no such job');
  checkSave({ stored: before, change, world, job });
  const after = normalized(shifted(change.after, -worker.ageTicks), policy);
  const changed = { ...done.store, jobs: done.store.jobs.map((record, index) => (index === job ? after : record)) };
  checkPool(changed, slots);
  return { ...outcome, store: changed, known: change.after.version, saved: job };
}

/** After an erasure there is nothing to copy, unless the copy was under way when it came. */
function show(at: At, { job, epoch }: Extract<Effect, { call: 'show' }>): Outcome[] {
  const { store, world } = at;
  checkShown(store, job, epoch);
  if (world.files[job] === 'whole') return [{ ...same(at, 'show', true), world: withShown(world, job, epoch) }];
  const nothing = same(at, 'show: nothing there', false);
  if (world.budgets.lateCopies === 0) return [nothing];
  const landed = withShown(spent(world, 'lateCopies'), job, epoch);
  return [
    nothing,
    { ...same(at, 'show lands late', true), world: withWritten(landed, job, store.jobs[job]?.leftovers.length ?? 0) },
  ];
}

/** One old object for each job that has any. */
function listedObjects({ world }: At): ListedObject[] {
  return world.files.flatMap((files, job) =>
    files === 'none' ? [] : [{ key: inputKey(idOf(job)), bytes: 1, modifiedAtMs: NOW_MS - CLEAN_LIMITS.inputAgeMs }],
  );
}

/** The port's `inspect`, in the order in which a runner would know. */
export function observe(task: Task | null, ref: string): Observation {
  if (task === null || task.state === 'removed' || task.state === 'launched') return { state: 'missing' };
  if (task.zombie === 'missing' || task.forgotten) return { state: 'missing' };
  if (task.zombie === 'stopped') return { state: 'stopped', ref, cause: 'interrupted', exitCode: null };
  if (task.state === 'pending') return { state: 'pending', ref, waitingFor: 'start' };
  if (task.state === 'running') return { state: 'running', ref };
  return { state: 'stopped', ref, cause: task.end?.cause ?? 'unknown', exitCode: task.end?.exitCode ?? null };
}

function listed({ store, world }: At): ListedTask[] {
  return store.jobs.flatMap((_, job) =>
    (world.tasks[job] ?? []).flatMap((task, index) =>
      isShownLive(task)
        ? [{ jobId: idOf(job), epoch: index + 1, ref: refOf({ job, epoch: index + 1 }), live: true }]
        : [],
    ),
  );
}

/** An ask that reaches the runner before it shows the task is lost. */
function asked(world: World, { job, epoch, mode }: Extract<Effect, { call: 'stop' }>): World {
  const task = taskOf(world, job, epoch);
  if (task === null || !isShownLive(task) || task.asked === 'force' || task.asked === mode) return world;
  return withTask(world, job, epoch, { ...task, asked: mode });
}

function launch(at: At, { job, epoch }: Extract<Effect, { call: 'launch' }>): Outcome[] {
  const { model, store, world, worker, node } = at;
  const ref = refOf({ job, epoch });
  const existing = taskOf(world, job, epoch);
  const launched: LaunchResult = { kind: 'launched', ref };
  if (existing !== null && existing.state !== 'removed') return [same(at, 'launch finds', launched)];

  const lagTicks = model.bounds.lagTicks - (worker.ageTicks - node.lastTick);
  const all: Outcome[] = [];
  const made = (from: World, stubborn: boolean): World =>
    withTask(from, job, epoch, { ...NEW_TASK, lagTicks, stubborn });
  const answers: { label: string; value: LaunchResult | null; world: World }[] = [
    { label: 'launch', value: launched, world },
  ];
  if (world.budgets.throws > 0)
    answers.push({ label: 'launch throws, runs', value: null, world: spent(world, 'throws') });
  for (const { label, value, world: from } of answers) {
    const add = (name: string, after: World): unknown => all.push({ ...answer(at, name, value), world: after });
    add(label, made(from, false));
    if (from.budgets.stubborn > 0) add(`${label} (stubborn)`, made(spent(from, 'stubborn'), true));
  }
  if (world.budgets.throws > 0)
    all.push({ ...answer(at, 'launch throws, nothing runs', null), world: spent(world, 'throws') });
  if (world.budgets.refusals > 0) {
    for (const code of ['capacity_unavailable', 'model_unavailable', 'platform_error'] as const) {
      all.push({ ...answer(at, `launch refused ${code}`, { kind: 'refused', code }), world: spent(world, 'refusals') });
    }
  }
  checkNewTask(store, job, epoch);
  return all;
}

function answer(at: At, label: string, value: LaunchResult | null): Outcome {
  const outcome = same(at, label, undefined);
  if (value === null) return { ...outcome, key: 'launch throws', reply: { kind: 'error' } };
  return { ...outcome, key: `launch${JSON.stringify(value)}`, reply: { kind: 'value', value } };
}

/** Old attempts' details that no rule reads: forgetting them makes equal what nobody can tell apart. */
export function tidied(world: World, store: Store, keepsOldReports: boolean): World {
  const tasks = world.tasks.map((row, job) => {
    const record = store.jobs[job];
    const current = record !== undefined && holdsSlot(record.phase) ? record.attempt?.epoch : undefined;
    return row.map((task, index) =>
      task === null || index + 1 === current ? task : tidiedTask(task, keepsOldReports),
    );
  });
  return { ...world, tasks };
}

function tidiedTask(task: Task, keepsOldReports: boolean): Task {
  const report = keepsOldReports ? task.report : 'stored';
  if (task.state !== 'ended') return task.state === 'removed' ? task : { ...task, report };
  return { ...NEW_TASK, state: 'ended', forgotten: true, report, end: { cause: 'unknown', exitCode: null } };
}
