import { holdsSlot, isTerminal, type JobRecord } from '@bpi/job-contract';
import { projectionDue, type Change, type JobPolicy } from '@bpi/jobs';
import { manifestOf } from './report-text.ts';
import type { Node } from './replay.ts';
import type { Store } from './store.ts';
import { Violation } from './violation.ts';
import { isLive, isLiveAsKnown, taskOf, type World } from './world.ts';

/** What must hold whenever a save changes the stored record of a job. */
export function checkSave(at: { stored: JobRecord; change: Change; world: World; job: number }): void {
  const { stored, change, world, job } = at;
  const { after } = change;
  if (isTerminal(stored.phase) && after.phase !== stored.phase)
    throw new Violation('oneEnd', `${stored.phase} to ${after.phase}`);
  if (stored.result !== null && JSON.stringify(after.result) !== JSON.stringify(stored.result)) {
    throw new Violation('onePublication', 'a published result changed');
  }
  checkDeletion(at);
  if (change.event === 'published') checkPublication(at);
  if (holdsSlot(stored.phase) && !holdsSlot(after.phase)) checkLeft(at);
  if (stored.phase === 'queued' && after.phase === 'launching') {
    const older = (world.tasks[job] ?? []).findIndex((task) => isLiveAsKnown(task));
    if (older >= 0) throw new Violation('oneTask', `a new attempt is claimed while task ${older + 1} lives`);
  }
}

function checkDeletion({ stored, change, world, job }: Parameters<typeof checkSave>[0]): void {
  const { after } = change;
  const broken = (what: string): never => {
    throw new Violation('tombstone', what);
  };
  if (stored.deletion === null) return;
  if (after.deletion === null) return broken('the deletion is forgotten');
  if (after.externalJobId !== null || change.event === 'projected') return broken('the job is shown again');
  if (stored.deletion.doneAtMs !== null && after.deletion.doneAtMs === null) return broken('the tombstone is lifted');
  if (after.deletion.doneAtMs === null || stored.deletion.doneAtMs !== null) return;
  if (after.leftovers.length > 0) throw new Violation('erasedWhole', 'a task is still to be removed');
  const left = world.files[job];
  if (left !== 'none' && left !== 'late') throw new Violation('erasedWhole', `the files are ${left}`);
  const live = (world.tasks[job] ?? []).findIndex((task) => isLiveAsKnown(task));
  if (live >= 0) throw new Violation('erasedWhole', `task ${live + 1} lives`);
}

/** The truth counts, not what the worker knew. */
export function checkErase(store: Store, job: number): void {
  const record = store.jobs[job];
  if (record === undefined || !isTerminal(record.phase) || record.deletion === null)
    throw new Violation('erasedWhenOver', `a job that is ${record?.phase} is erased`);
}

function checkPublication({ stored, change, world, job }: Parameters<typeof checkSave>[0]): void {
  const { after } = change;
  const epoch = stored.attempt?.epoch ?? 0;
  if (stored.cancelRequestedAtMs !== null) throw new Violation('cancelHolds', 'a cancelled job was published');
  if (after.result?.epoch !== epoch) throw new Violation('onePublication', 'the result is not of the last claim');
  const own = JSON.stringify(manifestOf(after.jobId, epoch));
  if (JSON.stringify(after.result.manifest) !== own)
    throw new Violation('onePublication', 'the manifest is of another attempt');
  if (taskOf(world, job, epoch)?.report !== 'stored')
    throw new Violation('onePublication', 'the attempt stored no such report');
}

function checkLeft({ stored, change, world, job }: Parameters<typeof checkSave>[0]): void {
  const { attempt } = stored;
  if (attempt === null) throw new Violation('oneTask', 'a slot is held without an attempt');
  const task = taskOf(world, job, attempt.epoch);
  if (isLiveAsKnown(task)) throw new Violation('oneTask', `attempt ${attempt.epoch} is left while its task lives`);
  const ended = change.event !== 'published' && attempt.intent === null && stored.cancelRequestedAtMs === null;
  if (ended && task?.report === 'stored' && task.zombie === 'no')
    throw new Violation('workKept', `attempt ${attempt.epoch}`);
}

export function checkPool(store: Store, slots: number): void {
  if (store.holders.length > slots) throw new Violation('pool', 'more holders than slots');
  for (const [job, { phase }] of store.jobs.entries()) {
    if (holdsSlot(phase) !== store.holders.includes(job)) throw new Violation('pool', `job ${job} is ${phase}`);
  }
}

/** The call itself: judged by what the worker knew and when it made the call, not by when the call arrives. */
export function checkLaunchCall(node: Node, atMs: number, policy: JobPolicy): void {
  const known = node.record;
  const broken = (what: string): never => {
    throw new Violation('launchDiscipline', what);
  };
  if (node.lastTick >= policy.launchLeaseMs) broken('the lease is over');
  const attempt = known?.attempt ?? null;
  if (attempt === null || attempt.intent !== null || known?.cancelRequestedAtMs !== null)
    return broken('an end was intended');
  if (atMs - attempt.claimedAtMs >= policy.launchWindowMs) broken('the window is over');
}

/** A launch that makes a new container, not one that finds an old one. */
export function checkNewTask(store: Store, job: number, epoch: number): void {
  const current = store.jobs[job];
  if (current === undefined || !holdsSlot(current.phase) || current.attempt?.epoch !== epoch) {
    throw new Violation('oneTask', `a task of attempt ${epoch} starts after that attempt was left`);
  }
}

export function checkStop(at: { store: Store; world: World; job: number; epoch: number }): void {
  const job = at.store.jobs[at.job];
  if (job === undefined || !holdsSlot(job.phase) || job.attempt?.epoch !== at.epoch) return;
  if (isLiveAsKnown(taskOf(at.world, at.job, at.epoch)) && job.attempt.intent === null) {
    throw new Violation('noWrongStop', `task ${at.epoch}`);
  }
}

export function checkShown(store: Store, job: number, epoch: number): void {
  if (store.jobs[job]?.result?.epoch !== epoch)
    throw new Violation('onePublication', 'another attempt is shown than published');
}

/** Everything is over and tidied up: where every path must be able to end. */
export function isSettled(store: Store, world: World): boolean {
  return (
    store.holders.length === 0 &&
    store.jobs.every((job, at) => {
      const shown = world.shown[at] ?? 0;
      const isDeleted = job.deletion !== null;
      const asShown = shown === (isDeleted ? 0 : (job.result?.epoch ?? 0));
      const kept = isDeleted ? job.deletion?.doneAtMs !== null && world.files[at] === 'none' : !projectionDue(job);
      const tidy = job.leftovers.length === 0 && asShown && kept;
      return isTerminal(job.phase) && tidy && (world.tasks[at] ?? []).every((task) => !isLive(task));
    })
  );
}
