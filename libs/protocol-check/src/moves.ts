import { isTerminal, type JobRecord } from '@bpi/job-contract';
import { dueLeftovers, isActive, type Leftover } from '@bpi/jobs';
import { checkLaunchCall } from './checks.ts';
import { isHarmless, standIn } from './harmless.ts';
import { STALE, type Model, type State, type Worker } from './model.ts';
import { NEVER_MS, normalized, NOW_MS, shifted } from './record-time.ts';
import { outcomes, tidied, type Outcome } from './replies.ts';
import type { Given, Node, ProgramName } from './replay.ts';
import { lateWrites, runnerMoves } from './runner-moves.ts';
import type { Store } from './store.ts';
import { spent, taskOf, type World } from './world.ts';

/** `sure` moves happen in the end if nothing else does: on them alone every job must be able to end. */
export type Move = { label: string; state: State; sure: boolean };

const TICK = 'tick';
const DEADLINE = 'deadline falls';

/** A state while a move is being made. */
type Draft = { store: Store; world: World; workers: Worker[] };

/** All moves out of a state. Throws a Violation where one breaks an invariant. */
export async function moves(model: Model, state: State): Promise<Move[]> {
  const store = model.stores.valueOf(state.store);
  const world = model.worlds.valueOf(state.world);
  const from = (): Draft => ({ store, world, workers: [...state.workers] });
  const found: Move[] = [];
  const add = (label: string, draft: Draft, sure: boolean): void => {
    found.push({ label, state: stateOf(model, draft), sure });
  };
  for (let at = 0; at < state.workers.length; at += 1) {
    for (const { label, draft } of await workerSteps(model, from(), at)) add(label, draft, true);
    if (world.budgets.crashes > 0)
      add('worker crashes', without({ ...from(), world: spent(world, 'crashes') }, at), false);
  }
  for (let job = 0; job < store.jobs.length; job += 1) {
    if (state.workers.length < model.bounds.workers) {
      for (const { label, draft, sure } of await starts(model, from(), job)) add(label, draft, sure);
    }
    if (world.budgets.cancels > 0) {
      const cancelled = await cancel(model, { ...from(), world: spent(world, 'cancels') }, job);
      if (cancelled !== null) add(`client cancels job ${job}`, cancelled, false);
    }
    if (world.budgets.deletes > 0) {
      const deleted = await deletion(model, { ...from(), world: spent(world, 'deletes') }, job);
      if (deleted !== null) add(`client deletes job ${job}`, deleted, false);
    }
    const leftovers = store.jobs[job]?.leftovers.length ?? 0;
    for (const { label, world: next } of lateWrites(world, job, leftovers))
      add(`job ${job} ${label}`, { ...from(), world: next }, false);
    for (const { label, world: next, sure } of runnerMoves(world, job))
      add(`job ${job} ${label}`, { ...from(), world: next }, sure);
    if (world.budgets.deadlines > 0) add(DEADLINE, deadlineFalls(from(), job), true);
  }
  const later = tick(model, from());
  if (later !== null) add(TICK, later, true);
  return model.bounds.reductions === 'off' ? found : [...found, ...(await overtaken(model, state, found))];
}

/** The saves and ticks once more, with an idle worker that looked at a job right before. */
async function overtaken(model: Model, state: State, found: readonly Move[]): Promise<Move[]> {
  if (state.workers.length >= model.bounds.workers) return [];
  const before: Draft = {
    store: model.stores.valueOf(state.store),
    world: model.worlds.valueOf(state.world),
    workers: [],
  };
  const more: Move[] = [];
  for (let job = 0; job < before.store.jobs.length; job += 1) {
    const [looker] = (await looked(model, before, { program: 'advance', job, given: null })).workers;
    if (looker === undefined) continue;
    for (const { label, state: next } of found) {
      if (next.store === state.store && label !== TICK) continue;
      const draft: Draft = {
        store: model.stores.valueOf(next.store),
        world: model.worlds.valueOf(next.world),
        workers: [...next.workers],
      };
      const behind =
        label === TICK ? stalled(draft, looker) : wasSaved(model, before, draft, job) ? saverOf(label, looker) : null;
      if (behind === null || next.workers.length >= model.bounds.workers) continue;
      const after = await runOn(model, draft, behind);
      if (after.workers.length > draft.workers.length)
        more.push({ label: `${label}, after a look`, state: stateOf(model, after), sure: false });
    }
  }
  return more;
}

function wasSaved(model: Model, before: Draft, after: Draft, job: number): boolean {
  const idOf = ({ store }: Draft): number => {
    const record = store.jobs[job];
    return record === undefined ? -1 : model.records.idOf(record);
  };
  return idOf(before) !== idOf(after);
}

/** A deadline that falls is in the record from its beginning: no version changes. */
function saverOf(label: string, looker: Worker): Worker {
  return label === DEADLINE ? looker : { ...looker, known: STALE };
}

function stalled(draft: Draft, looker: Worker): Worker | null {
  if (draft.world.budgets.stalls === 0) return null;
  draft.world = spent(draft.world, 'stalls');
  return { ...looker, ageTicks: looker.ageTicks + 1 };
}

function stateOf(model: Model, draft: Draft): State {
  const world = tidied(draft.world, draft.store, model.protocol.keepsOldReports);
  // Workers are alike: their order says nothing.
  const workers = draft.workers.sort((a, b) => a.node - b.node || a.ageTicks - b.ageTicks || a.known - b.known);
  return { store: model.stores.idOf(draft.store), world: model.worlds.idOf(world), workers };
}

function without(draft: Draft, at: number): Draft {
  return { ...draft, workers: draft.workers.filter((_, index) => index !== at) };
}

/** The worker's pending call is answered, in every way it may be. */
async function workerSteps(model: Model, draft: Draft, at: number): Promise<{ label: string; draft: Draft }[]> {
  const worker = draft.workers[at];
  if (worker === undefined) throw new Error('no such worker');
  const node = model.replay.node(worker.node);
  if (node.effect === null) throw new Error('a worker that ended is no worker');
  const steps: { label: string; draft: Draft }[] = [];
  for (const outcome of outcomes({ model, ...draft, worker, node }, node.effect)) {
    const others = draft.workers.filter((_, index) => index !== at);
    const next = await replied(
      model,
      { store: outcome.store, world: outcome.world, workers: others },
      { worker, node, outcome },
    );
    steps.push({ label: `worker (${node.program}): ${outcome.label}`, draft: next });
  }
  return steps;
}

/** Hands a reply to a worker and lets it, and whoever that made stale, run on as far as nobody else can see. */
async function replied(
  model: Model,
  draft: Draft,
  { worker, node, outcome }: { worker: Worker; node: Node; outcome: Outcome },
): Promise<Draft> {
  const record = recordAfter(model, worker, outcome);
  const { key, reply } = outcome;
  const next = await model.replay.after(node, { key, reply, atTick: worker.ageTicks, record });
  const overtaken: Worker[] = [];
  const unaffected: Worker[] = [];
  for (const other of draft.workers) {
    const hit = outcome.saved !== null && model.replay.node(other.node).job === outcome.saved;
    (hit ? overtaken : unaffected).push(hit ? { ...other, known: STALE } : other);
  }
  let all: Draft = { ...draft, workers: unaffected };
  for (const other of overtaken) all = await runOn(model, all, other);
  return runOn(model, all, { node: next.id, ageTicks: worker.ageTicks, known: outcome.known });
}

/** What the worker has in hand after a read or a save of its own, in its own time. */
function recordAfter(model: Model, worker: Worker, outcome: Outcome): JobRecord | null {
  const { effect, job } = model.replay.node(worker.node);
  if (effect?.call === 'save' && outcome.saved !== null) return effect.change.after;
  if (effect?.call !== 'get') return null;
  const record = outcome.store.jobs[job];
  return record === undefined ? null : shifted(record, worker.ageTicks);
}

/**
 * Puts a worker back, after the calls whose reply is certain and which nobody else can notice: a save that must be
 * stale, a wake-up (workers may start at any time anyway), a look at the report of a task that can write no more, and
 * the look at the job of a listed task (it stops nothing that a list made right before the look would not have).
 */
async function runOn(model: Model, draft: Draft, worker: Worker): Promise<Draft> {
  const node = model.replay.node(worker.node);
  const { effect } = node;
  if (effect === null) return draft;
  if (effect.call === 'launch' && worker.ageTicks === node.lastTick)
    checkLaunchCall(node, NOW_MS + node.lastTick, model.bounds.policy);
  const unseen =
    model.bounds.reductions === 'on' &&
    (effect.call === 'send' ||
      (effect.call === 'get' && node.program === 'orphans') ||
      (effect.call === 'save' && worker.known === STALE && !model.protocol.blindSaves) ||
      (effect.call === 'readReport' && isMute(draft.world, effect)));
  if (!unseen) {
    const reduces = model.bounds.reductions === 'on' && !model.protocol.blindSaves;
    const outdated = reduces && node.program === 'advance' && worker.known === STALE;
    if (outdated && (await isHarmless(model, node, worker.ageTicks))) return draft;
    const alike = outdated ? await standIn(model, node, worker) : null;
    return { ...draft, workers: [...draft.workers, alike ?? worker] };
  }
  const outcome = single(outcomes({ model, ...draft, worker, node }, effect));
  return replied(model, draft, { worker, node, outcome });
}

function isMute(world: World, { job, epoch }: { job: number; epoch: number }): boolean {
  return taskOf(world, job, epoch)?.state === 'ended';
}

function single<T>(all: readonly T[]): T {
  const [one] = all;
  if (one === undefined || all.length !== 1) throw new Error('exactly one was expected');
  return one;
}

/**
 * A program begins and runs up to the first call whose delay somebody could notice. Its first look at the store, and
 * what follows that at once, is part of the beginning: to look and then wait while nothing is saved and no time passes
 * is the same as to begin later. Where something is saved or time passes, `overtaken` adds those who looked before.
 */
async function begin(
  model: Model,
  draft: Draft,
  start: { program: ProgramName; job: number; given: Given | null },
): Promise<Draft> {
  let now = await looked(model, draft, start);
  const at = now.workers.length - 1;
  const effect = at < draft.workers.length ? null : model.replay.node(now.workers[at]?.node ?? -1).effect;
  if (start.program !== 'advance' || model.bounds.reductions === 'off') return now;
  if (effect?.call === 'inspect' || effect?.call === 'save' || effect?.call === 'show')
    now = single(await workerSteps(model, now, at)).draft;
  // What is published never changes: showing it again and noting that is one step.
  if (effect?.call === 'show' && now.workers.length > at) now = single(await workerSteps(model, now, at)).draft;
  return now;
}

/** A program begins and has its first reply. */
async function looked(
  model: Model,
  draft: Draft,
  start: { program: ProgramName; job: number; given: Given | null },
): Promise<Draft> {
  const node = await model.replay.start(start.program, start.job, start.given);
  if (node.effect === null) return draft;
  const worker: Worker = { node: node.id, ageTicks: 0, known: STALE };
  if (node.effect.call !== 'get' && node.effect.call !== 'list') return runOn(model, draft, worker);
  const outcome = single(outcomes({ model, ...draft, worker, node }, node.effect));
  return replied(model, draft, { worker, node, outcome });
}

type Start = { label: string; draft: Draft; sure: boolean };

/**
 * What an idle worker may take up: any wake-up at any time (the queue loses and repeats), and, for sure in the end,
 * what the sweep does. A swept job is advanced and its leftovers are removed one after the other; explored is that
 * either happens at any time.
 */
async function starts(model: Model, draft: Draft, job: number): Promise<Start[]> {
  const record = draft.store.jobs[job];
  if (record === undefined) throw new Error('no such job');
  const found: Start[] = [];
  const add = async (
    label: string,
    start: { program: ProgramName; given: Given | null },
    sure: boolean,
  ): Promise<void> => {
    const begun = await begin(model, draft, { ...start, job });
    if (begun.workers.length > draft.workers.length || begun.store !== draft.store)
      found.push({ label, draft: begun, sure });
  };
  if (job === 0) await add('sweep lists tasks', { program: 'orphans', given: null }, true);
  if (job === 0 && hasForgotten(draft)) found.push({ label: 'clean', draft: await cleaned(model, draft), sure: true });
  const swept = isActive(record) ? await sweptFirst(model, draft, job, record) : 'nothing';
  const due = dueLeftovers(
    { clock: { nowMs: () => NOW_MS, monotonicMs: () => NOW_MS }, policy: model.bounds.policy },
    record,
  );
  if (due.length > 0 && (swept === 'remove' || swept === 'advance'))
    found.push(...(await removals(model, draft, job, due)));
  await add(`advance job ${job}`, { program: 'advance', given: null }, swept === 'wake' || swept === 'advance');
  return found;
}

/**
 * Leftovers stay due once they are, so removing them later is the same as sweeping later: all in one step, or
 * broken off (crashed, overtaken) before the save, which is free.
 */
async function removals(model: Model, draft: Draft, job: number, due: readonly Leftover[]): Promise<Start[]> {
  const given = { key: model.leftovers.idOf(due), due };
  const others = draft.workers.length;
  let now = await looked(model, draft, { program: 'leftovers', job, given });
  let removed = now;
  while (now.workers.length > others) {
    now = single(await workerSteps(model, now, others)).draft;
    if (now.store === draft.store) removed = now;
  }
  const label = `sweep removes leftovers of job ${job}`;
  const brokenOff = { ...draft, world: removed.world };
  return [
    { label, draft: now, sure: true },
    { label: `${label}, not saved`, draft: brokenOff, sure: false },
  ];
}

/** Something lies there of a job whose deletion is done. */
function hasForgotten({ store, world }: Draft): boolean {
  return store.jobs.some(
    ({ deletion: asked }, job) => asked !== null && asked.doneAtMs !== null && world.files[job] !== 'none',
  );
}

/** To erase what a tombstone left can be too early for nobody: in one step. */
async function cleaned(model: Model, draft: Draft): Promise<Draft> {
  const others = draft.workers.length;
  let now = await looked(model, draft, { program: 'clean', job: 0, given: null });
  while (now.workers.length > others) now = single(await workerSteps(model, now, others)).draft;
  return now;
}

type SweptFirst = 'wake' | 'advance' | 'remove' | 'nothing';

/** What the sweep begins with for a listed job: a wake-up, its advance, the removal of leftovers, or nothing. */
async function sweptFirst(model: Model, draft: Draft, job: number, record: JobRecord): Promise<SweptFirst> {
  let node = await model.replay.start('sweepJob', job, { key: model.records.idOf(record), listed: record });
  const worker: Worker = { node: node.id, ageTicks: 0, known: STALE };
  while (node.effect?.call === 'room') {
    const { key, reply } = single(outcomes({ model, ...draft, worker, node }, node.effect));
    node = await model.replay.after(node, { key, reply, atTick: 0, record: null });
  }
  if (node.effect === null) return 'nothing';
  if (node.effect.call === 'send') return 'wake';
  if (node.effect.call === 'remove') return 'remove';
  if (node.effect.call !== 'get' || node.effect.job !== job)
    throw new Error('the sweep begins in a way the model does not know');
  return 'advance';
}

/** Null = too late. */
async function cancel(model: Model, draft: Draft, job: number): Promise<Draft | null> {
  const record = draft.store.jobs[job];
  if (record === undefined || isTerminal(record.phase) || record.cancelRequestedAtMs !== null) return null;
  return wish(model, draft, { program: 'cancel', job });
}

/** Null = it was asked before. */
async function deletion(model: Model, draft: Draft, job: number): Promise<Draft | null> {
  return draft.store.jobs[job]?.deletion === null ? wish(model, draft, { program: 'delete', job }) : null;
}

/** A client's wish is one read and one save that starts over when stale: as if it were one step. */
async function wish(model: Model, draft: Draft, ask: { program: 'cancel' | 'delete'; job: number }): Promise<Draft> {
  const others = draft.workers.length;
  let now = await looked(model, draft, { ...ask, given: null });
  while (now.workers.length > others) now = single(await workerSteps(model, now, now.workers.length - 1)).draft;
  return now;
}

function deadlineFalls(draft: Draft, job: number): Draft {
  const jobs = draft.store.jobs.map((record, at) =>
    at === job && record.totalDeadlineAtMs === NEVER_MS && !isTerminal(record.phase)
      ? { ...record, totalDeadlineAtMs: 0 }
      : record,
  );
  return { ...draft, store: { ...draft.store, jobs }, world: spent(draft.world, 'deadlines') };
}

/** Time passes, unless something must happen before: a task's lag or a stall is used up, or no stall is left. */
function tick(model: Model, draft: Draft): Draft | null {
  const { lagTicks, stallTicksMax, policy } = model.bounds;
  let { world } = draft;
  for (const worker of draft.workers) {
    const { lastTick, effect } = model.replay.node(worker.node);
    const stalledTicks = worker.ageTicks - lastTick;
    if (stalledTicks >= (effect?.call === 'launch' ? lagTicks : stallTicksMax)) return null;
    if (stalledTicks > 0) continue;
    if (world.budgets.stalls === 0) return null;
    world = spent(world, 'stalls');
  }
  if (world.tasks.flat().some((task) => task?.state === 'launched' && task.lagTicks === 0)) return null;
  const tasks = world.tasks.map((row) =>
    row.map((task) => (task?.state === 'launched' ? { ...task, lagTicks: task.lagTicks - 1 } : task)),
  );
  return {
    store: { ...draft.store, jobs: draft.store.jobs.map((record) => normalized(shifted(record, -1), policy)) },
    world: { ...world, tasks },
    workers: draft.workers.map((worker) => ({ ...worker, ageTicks: worker.ageTicks + 1 })),
  };
}
