import { isLive, spent, taskOf, withTask, withWritten, type Task, type World } from './world.ts';

/** `sure` moves happen in the end if nothing else does; the others may happen. */
export type RunnerMove = { label: string; world: World; sure: boolean };

type TaskMove = { label: string; task: Task; sure: boolean };

/** Everything the runner and the containers of one job may do next. */
export function runnerMoves(world: World, job: number): RunnerMove[] {
  const moves: RunnerMove[] = [];
  const epochs = world.tasks[job]?.length ?? 0;
  for (let epoch = 1; epoch <= epochs; epoch += 1) {
    const task = taskOf(world, job, epoch);
    if (task === null) continue;
    const add = (at: World, { label, task: next, sure }: TaskMove): void => {
      moves.push({ label: `task ${epoch}: ${label}`, world: withTask(at, job, epoch, next), sure });
    };
    const own = task.zombie === 'no' || task.zombie === 'back' ? containerMoves(task) : zombieMoves(task);
    for (const move of own) add(world, move);
    for (const move of zombie(task, world)) add(spent(world, 'zombies'), move);
    if (task.state === 'ended' && !task.forgotten && world.budgets.forgets > 0) {
      add(spent(world, 'forgets'), { label: 'forgotten', task: { ...task, forgotten: true }, sure: false });
    }
  }
  return moves;
}

/** After an erasure: a container that lives on writes once more. */
export function lateWrites(world: World, job: number, leftovers: number): { label: string; world: World }[] {
  const next = withWritten(world, job, leftovers);
  if (next === world || !(world.tasks[job] ?? []).some(isLive)) return [];
  return [{ label: 'is written to by a task that lives on', world: next }];
}

function ended(task: Task, end: NonNullable<Task['end']>): Task {
  return {
    ...task,
    state: 'ended',
    lagTicks: 0,
    end,
    asked: 'no',
    stubborn: false,
    zombie: task.zombie === 'no' ? 'no' : 'over',
  };
}

function containerMoves(task: Task): TaskMove[] {
  if (!isLive(task)) return [];
  const moves: TaskMove[] = [];
  const may = (label: string, next: Task): unknown => moves.push({ label, task: next, sure: false });
  const will = (label: string, next: Task): unknown => moves.push({ label, task: next, sure: true });
  if (task.state === 'launched') {
    will('appears', { ...task, state: 'pending', lagTicks: 0 });
    return moves;
  }
  if (task.asked === 'force' || (task.asked === 'ask' && !task.stubborn)) {
    will('obeys', ended(task, { cause: 'stop_requested', exitCode: null }));
  }
  if (task.state === 'pending') will('starts', { ...task, state: 'running' });
  may('is interrupted', ended(task, { cause: 'interrupted', exitCode: null }));
  if (task.state === 'running' && !task.stubborn) {
    if (task.report === null) {
      will('stores its results', { ...task, report: 'stored' });
      may('ends with exit 1', ended(task, { cause: 'exited', exitCode: 1 }));
      may('ends, exit code lost', ended(task, { cause: 'unknown', exitCode: null }));
    } else {
      will('ends with exit 0', ended(task, { cause: 'exited', exitCode: 0 }));
    }
  }
  return moves;
}

/** A live task turns into one that the runner takes for gone. */
function zombie(task: Task, world: World): TaskMove[] {
  if (world.budgets.zombies === 0 || task.zombie !== 'no') return [];
  if (task.state !== 'pending' && task.state !== 'running') return [];
  return [
    { label: 'lives on, reported missing', task: { ...task, zombie: 'missing' }, sure: false },
    { label: 'lives on, reported stopped', task: { ...task, zombie: 'stopped' }, sure: false },
  ];
}

function zombieMoves(task: Task): TaskMove[] {
  if (!isLive(task)) return [];
  const end: Task = { ...ended(task, { cause: 'interrupted', exitCode: null }), zombie: 'over' };
  const moves: TaskMove[] = [
    { label: 'zombie ends', task: task.zombie === 'missing' ? { ...end, forgotten: true } : end, sure: true },
  ];
  if (task.report === null)
    moves.push({ label: 'zombie stores its results', task: { ...task, report: 'stored' }, sure: false });
  if (task.zombie === 'missing')
    moves.push({ label: 'zombie is known again', task: { ...task, zombie: 'back' }, sure: false });
  return moves;
}
