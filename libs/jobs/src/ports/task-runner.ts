import type { FailureCode, JobId, TaskRef, WaitingFor } from '@bpi/job-contract';

/** One attempt's task. Job and epoch name it everywhere; `ref` is the runner's own name once one is known. */
export type TaskId = { jobId: JobId; epoch: number; ref: TaskRef | null };

/** Everything a launch depends on, so that a repeat for the same job and epoch is identical. */
export type TaskSpec = {
  jobId: JobId;
  epoch: number;
  model: { name: string; version: string };
  pool: string;
  /** What `definitionOf` said when the attempt was claimed. */
  definition: string | null;
  /** Run with the model's smaller settings. */
  shrunk: boolean;
};

export type LaunchResult =
  | { kind: 'launched'; ref: TaskRef }
  /** The runner said no, for sure and for a reason. A doubtful outcome is thrown instead. */
  | { kind: 'refused'; code: Extract<FailureCode, 'capacity_unavailable' | 'model_unavailable' | 'platform_error'> };

/** Why a task stopped, as far as the runner knows. */
export type StopCause =
  | 'exited' // the containers ended by themselves; the exit code tells more
  | 'out_of_memory'
  | 'stop_requested'
  | 'interrupted' // the machine was taken away (Spot, draining)
  | 'no_capacity' // never placed
  | 'image_unavailable'
  | 'device_unavailable'
  | 'unknown';

/** What a runner sees of a task. Translated, never judged: `classify` does that. */
export type Observation =
  | { state: 'missing' }
  /** `doomed`: it will never start, and why; it still has to be stopped. */
  | { state: 'pending'; ref: TaskRef; waitingFor: WaitingFor; doomed?: StopCause }
  | { state: 'running'; ref: TaskRef }
  /** Reported by a live host, or the host is gone for good. `exitCode` null = forgotten or never started. */
  | { state: 'stopped'; ref: TaskRef; cause: StopCause; exitCode: number | null };

export type TaskEvent =
  /** Something happened to the task: look at the job. */
  | { kind: 'changed'; jobId: JobId; epoch: number }
  /** `atMs`: when it was told, milliseconds since 1970, where events may overtake each other; null = just now. */
  | { kind: 'progress'; jobId: JobId; epoch: number; fraction: number; step: string; atMs: number | null };

export type ListedTask = { jobId: JobId; epoch: number; ref: TaskRef; live: boolean };

/** Where containers run. Any method may be called by several workers at once, twice, and late. */
export interface TaskRunner {
  /**
   * The runner's own name for what it would run now for this model (a task definition's revision), at most 256
   * characters: kept with the claim, so that a repeated launch is identical also after a deployment. Null if the runner
   * pins by itself, or has nothing to run.
   */
  definitionOf(model: { name: string; version: string }): string | null;

  /** Idempotent by job and epoch: a repeat returns the same task, also after it stopped. Throws if the outcome is unknown. */
  launch(spec: TaskSpec): Promise<LaunchResult>;

  /** The newest known state. Never `stopped` while a container of the task may still write. Throws if it cannot tell. */
  inspect(task: TaskId): Promise<Observation>;

  /** Asks the task to stop, or with `force` takes away what it runs on. Safe to repeat; returns before it stopped. */
  stop(task: TaskId, mode: 'ask' | 'force'): Promise<void>;

  /** Every task of ours the runner knows, stopped ones included until removed. May lag behind `launch`. */
  list(): Promise<ListedTask[]>;

  /** Forgets a stopped task and deletes its remains. Safe to repeat; a live task is left alone. */
  remove(task: TaskId): Promise<void>;

  /** Wake-ups until aborted. May lose and repeat. */
  events(signal: AbortSignal): AsyncIterable<TaskEvent>;
}
