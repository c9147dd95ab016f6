import type { JobId, TaskRef } from '@bpi/job-contract';
import type { LaunchResult, ListedTask, Observation, TaskEvent, TaskId, TaskRunner, TaskSpec } from '@bpi/jobs';

/** Runs nothing: a launched task runs until `end`. Events come from `emit`. */
export class ScriptedRunner implements TaskRunner {
  readonly #tasks = new Map<TaskRef, { jobId: JobId; epoch: number; seen: Observation }>();
  readonly #streams = new Set<(event: TaskEvent | Error) => void>();
  /** Jobs in the order of their launches. */
  readonly launched: JobId[] = [];
  /** Streams of events that were begun. */
  streams = 0;
  /** Called before each answer of `inspect`. */
  beforeInspect: () => Promise<void> = async () => {};
  inspections = 0;

  definitionOf(): null {
    return null;
  }

  async launch({ jobId, epoch }: TaskSpec): Promise<LaunchResult> {
    const ref = `task-${jobId}-${epoch}`;
    if (!this.#tasks.has(ref)) {
      this.#tasks.set(ref, { jobId, epoch, seen: { state: 'running', ref } });
      this.launched.push(jobId);
    }
    return { kind: 'launched', ref };
  }

  async inspect({ jobId, epoch }: TaskId): Promise<Observation> {
    this.inspections += 1;
    await this.beforeInspect();
    return this.#tasks.get(`task-${jobId}-${epoch}`)?.seen ?? { state: 'missing' };
  }

  async stop(): Promise<void> {}

  async list(): Promise<ListedTask[]> {
    return [...this.#tasks].map(([ref, { jobId, epoch, seen }]) => ({
      jobId,
      epoch,
      ref,
      live: seen.state !== 'stopped',
    }));
  }

  async remove({ jobId, epoch }: TaskId): Promise<void> {
    this.#tasks.delete(`task-${jobId}-${epoch}`);
  }

  async *events(signal: AbortSignal): AsyncGenerator<TaskEvent> {
    this.streams += 1;
    const waiting: (TaskEvent | Error)[] = [];
    let wake = () => {};
    const take = (event: TaskEvent | Error) => {
      waiting.push(event);
      wake();
    };
    this.#streams.add(take);
    signal.addEventListener('abort', () => wake());
    try {
      while (!signal.aborted) {
        const event = waiting.shift();
        if (event instanceof Error) throw event;
        if (event !== undefined) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#streams.delete(take);
    }
  }

  /** The model of this attempt ended with an error. */
  end(jobId: JobId, epoch = 1): void {
    const ref = `task-${jobId}-${epoch}`;
    this.#tasks.set(ref, { jobId, epoch, seen: { state: 'stopped', ref, cause: 'exited', exitCode: 1 } });
  }

  /** To everybody who listens now; an error breaks their stream. */
  emit(event: TaskEvent | Error): void {
    for (const take of this.#streams) take(event);
  }
}
