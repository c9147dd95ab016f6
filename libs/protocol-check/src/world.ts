import type { StopCause } from '@bpi/jobs';
import type { Bounds, Budgets } from './bounds.ts';

/**
 * What is outside the record: the tasks of each job and what lies in the object store. Plain data.
 * Assumed of a runner, besides the port's own words: once a task was visible it stays so until it stopped
 * (a zombie excepted), and a repeated launch finds the task until it was removed.
 */
export type Task = {
  /** `launched`: runs, but the runner does not show it yet. `ended`: reported stopped. */
  state: 'launched' | 'pending' | 'running' | 'ended' | 'removed';
  /** Ticks that a `launched` task may stay unseen. */
  lagTicks: number;
  /** Why it ended; for an `ended` one only. */
  end: { cause: StopCause; exitCode: number | null } | null;
  asked: 'no' | 'ask' | 'force';
  stubborn: boolean;
  /** Ended and no longer known to `inspect`; a launch still finds it. */
  forgotten: boolean;
  /** How a container that runs on is reported: gone without a word, stopped, or known again after that; `over` = it ended. */
  zombie: 'no' | 'missing' | 'stopped' | 'back' | 'over';
  report: 'stored' | 'failed' | null;
};

/**
 * `whole`: never erased. `none`: erased. What was written after that by a task that nobody believed in, or by a copy that
 * was under way: `early` while a task of the job was still to be removed, `late` when none was.
 */
export type Files = 'whole' | 'none' | 'early' | 'late';

export type World = {
  /** By job, then by epoch − 1; null = never launched. */
  tasks: readonly (readonly (Task | null)[])[];
  /** Epoch whose artifacts the fixed names show, by job; 0 = none. */
  shown: readonly number[];
  /** What lies under a job's prefix, by job. */
  files: readonly Files[];
  budgets: Budgets;
};

export function newWorld(bounds: Bounds): World {
  const each = <T>(value: T): T[] => Array.from({ length: bounds.jobs }, () => value);
  return { tasks: each([]), shown: each(0), files: each('whole'), budgets: bounds.budgets };
}

export const NEW_TASK: Task = {
  state: 'launched',
  lagTicks: 0,
  end: null,
  asked: 'no',
  stubborn: false,
  forgotten: false,
  zombie: 'no',
  report: null,
};

export function taskOf(world: World, job: number, epoch: number): Task | null {
  return world.tasks[job]?.[epoch - 1] ?? null;
}

export function withTask(world: World, job: number, epoch: number, task: Task): World {
  const tasks = world.tasks.map((row, index) => {
    if (index !== job) return row;
    const longer = Array.from({ length: Math.max(row.length, epoch) }, (_, at) => row[at] ?? null);
    longer[epoch - 1] = task;
    return longer;
  });
  return { ...world, tasks };
}

export function withShown(world: World, job: number, epoch: number): World {
  return { ...world, shown: world.shown.map((shown, index) => (index === job ? epoch : shown)) };
}

export function withFiles(world: World, job: number, files: Files): World {
  return { ...world, files: world.files.map((old, index) => (index === job ? files : old)) };
}

/** Something is written after an erasure. @param leftovers of the job's record at that moment */
export function withWritten(world: World, job: number, leftovers: number): World {
  const written: Files = leftovers > 0 ? 'early' : 'late';
  const now = world.files[job];
  return now === 'whole' || now === 'early' || now === written ? world : withFiles(world, job, written);
}

export function spent(world: World, trouble: keyof Budgets): World {
  return { ...world, budgets: { ...world.budgets, [trouble]: world.budgets[trouble] - 1 } };
}

/** Its container runs, whatever the runner says. */
export function isLive(task: Task | null): boolean {
  return task !== null && (task.state === 'launched' || task.state === 'pending' || task.state === 'running');
}

/** Live, and the runner never claimed that it was gone: the domain must not have counted it out. */
export function isLiveAsKnown(task: Task | null): boolean {
  return isLive(task) && task?.zombie === 'no';
}

/** Shown by `inspect` and `list` as live. */
export function isShownLive(task: Task | null): boolean {
  if (task === null || (task.zombie !== 'no' && task.zombie !== 'back')) return false;
  return task.state === 'pending' || task.state === 'running';
}
