import type { JobId, TaskRef } from '@bpi/job-contract';
import type { LaunchResult, ListedTask, Observation, TaskEvent, TaskId, TaskRunner, TaskSpec } from '@bpi/jobs';

/** What a control sets a task to; the runner adds its own name for it. */
export type SimulatedState =
  | Omit<Extract<Observation, { state: 'pending' }>, 'ref'>
  | Omit<Extract<Observation, { state: 'running' }>, 'ref'>
  | Omit<Extract<Observation, { state: 'stopped' }>, 'ref'>;

export type StopWish = 'none' | 'ask' | 'force';

const EVENTS_BUFFERED_MAX = 1_000;

type Task = {
  readonly spec: TaskSpec;
  readonly ref: TaskRef;
  state: SimulatedState;
  /** `hidden`: not visible yet (lag). `forgotten`: no longer. A launch finds both. */
  sight: 'seen' | 'hidden' | 'forgotten';
  stop: StopWish;
};

/** The simulated backend that several runners may share. */
class World {
  readonly tasks = new Map<string, Task>();
  readonly refusals = new Map<JobId, Extract<LaunchResult, { kind: 'refused' }>['code']>();
  readonly doubtful = new Map<JobId, 'launched' | 'not_launched'>();
  readonly listeners = new Set<(event: TaskEvent) => void>();
  newTasks: 'seen' | 'hidden' = 'seen';

  emit(event: TaskEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

/**
 * A simulated TaskRunner whose tasks move only when told: a launched task is pending until `set` says otherwise,
 * also after a stop. The controls stand below the port's methods.
 */
export class MemoryTaskRunner implements TaskRunner {
  readonly #world: World;

  constructor(sharedWith?: MemoryTaskRunner) {
    this.#world = sharedWith === undefined ? new World() : sharedWith.#world;
  }

  definitionOf(): null {
    return null;
  }

  async launch(spec: TaskSpec): Promise<LaunchResult> {
    const { jobId, epoch } = spec;
    const known = this.#world.tasks.get(nameOf(jobId, epoch));
    if (known !== undefined) return { kind: 'launched', ref: known.ref };
    const code = this.#world.refusals.get(jobId);
    if (code !== undefined) return { kind: 'refused', code };
    const doubt = this.#world.doubtful.get(jobId);
    this.#world.doubtful.delete(jobId);
    if (doubt === 'not_launched') throw new Error('simulated: the launch got no answer');
    const ref = nameOf(jobId, epoch);
    const state: SimulatedState = { state: 'pending', waitingFor: 'start' };
    this.#world.tasks.set(ref, { spec: { ...spec }, ref, state, sight: this.#world.newTasks, stop: 'none' });
    if (doubt === 'launched') throw new Error('simulated: the launch got no answer');
    return { kind: 'launched', ref };
  }

  async inspect(task: Pick<TaskId, 'jobId' | 'epoch'>): Promise<Observation> {
    const known = this.#world.tasks.get(nameOf(task.jobId, task.epoch));
    if (known === undefined || known.sight !== 'seen') return { state: 'missing' };
    return { ...known.state, ref: known.ref };
  }

  async stop(task: Pick<TaskId, 'jobId' | 'epoch'>, mode: 'ask' | 'force'): Promise<void> {
    const known = this.#world.tasks.get(nameOf(task.jobId, task.epoch));
    if (known !== undefined && known.stop !== 'force') known.stop = mode;
  }

  async list(): Promise<ListedTask[]> {
    return [...this.#world.tasks.values()]
      .filter(({ sight }) => sight === 'seen')
      .map(({ spec, ref, state }) => ({ jobId: spec.jobId, epoch: spec.epoch, ref, live: state.state !== 'stopped' }));
  }

  async remove(task: Pick<TaskId, 'jobId' | 'epoch'>): Promise<void> {
    const name = nameOf(task.jobId, task.epoch);
    if (this.#world.tasks.get(name)?.state.state === 'stopped') this.#world.tasks.delete(name);
  }

  events(signal: AbortSignal): AsyncIterable<TaskEvent> {
    const { listeners } = this.#world;
    const waiting: TaskEvent[] = [];
    let wake = () => {};
    const listener = (event: TaskEvent) => {
      waiting.push(event);
      if (waiting.length > EVENTS_BUFFERED_MAX) waiting.shift();
      wake();
    };
    const end = () => {
      listeners.delete(listener);
      wake();
    };
    listeners.add(listener);
    signal.addEventListener('abort', end, { once: true });
    return (async function* (): AsyncGenerator<TaskEvent> {
      try {
        while (!signal.aborted) {
          const event = waiting.shift();
          if (event !== undefined) yield event;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        signal.removeEventListener('abort', end);
        end();
      }
    })();
  }

  /** Moves a launched task and sends a wake-up. Any order is allowed: a zombie may run again. */
  set(jobId: JobId, epoch: number, state: SimulatedState): void {
    this.#known(jobId, epoch).state = { ...state };
    this.#world.emit({ kind: 'changed', jobId, epoch });
  }

  /** Sends a progress event and nothing else. */
  progress(jobId: JobId, epoch: number, made: { fraction: number; step: string }): void {
    this.#world.emit({ kind: 'progress', jobId, epoch, ...made, atMs: null });
  }

  /** Launches of new tasks of this job are refused with the code; null ends that. */
  refuse(jobId: JobId, code: Extract<LaunchResult, { kind: 'refused' }>['code'] | null): void {
    if (code === null) this.#world.refusals.delete(jobId);
    else this.#world.refusals.set(jobId, code);
  }

  /** The next launch of a new task of this job throws, after launching it or without. */
  doubt(jobId: JobId, truth: 'launched' | 'not_launched'): void {
    this.#world.doubtful.set(jobId, truth);
  }

  /** From now on new tasks are hidden from inspect and list until `show` (lag), or seen at once. */
  newTasksAre(sight: 'seen' | 'hidden'): void {
    this.#world.newTasks = sight;
  }

  show(jobId: JobId, epoch: number): void {
    this.#known(jobId, epoch).sight = 'seen';
  }

  /** Inspect and list no longer know the task; a repeated launch still does. */
  forget(jobId: JobId, epoch: number): void {
    this.#known(jobId, epoch).sight = 'forgotten';
  }

  /** What `stop` was last asked for this task. */
  stopWish(jobId: JobId, epoch: number): StopWish {
    return this.#known(jobId, epoch).stop;
  }

  #known(jobId: JobId, epoch: number): Task {
    const task = this.#world.tasks.get(nameOf(jobId, epoch));
    if (task === undefined) throw new Error('no such task was launched: launch it before you move it');
    return task;
  }
}

function nameOf(jobId: JobId, epoch: number): TaskRef {
  return `memory-${jobId}-${epoch}`;
}
