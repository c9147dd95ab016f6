import { isStopped, type EcsTask } from './ecs-task.ts';

/** Tasks remembered; the oldest is forgotten, and costs a call to ECS then. */
const PICTURES_MAX = 2_000;

/**
 * The newest known picture of each task, from events and from answers: ECS repeats and reorders its events and its
 * answers lag behind, so the higher version counts.
 */
export class TaskPictures {
  readonly #byArn = new Map<string, EcsTask>();
  readonly #forgotten = new Set<string>();

  /** The newer of this picture and the known one. */
  newest(task: EcsTask): EcsTask {
    const known = this.#byArn.get(task.taskArn);
    const newer = known === undefined || task.version >= known.version ? task : known;
    this.#byArn.delete(task.taskArn);
    this.#byArn.set(task.taskArn, newer);
    dropOldest(this.#byArn);
    return newer;
  }

  /** A task that stopped changes no more, so nobody has to be asked. */
  stopped(taskArn: string): EcsTask | null {
    const known = this.#byArn.get(taskArn);
    return known !== undefined && isStopped(known) ? known : null;
  }

  /** ECS cannot be told to forget a stopped task, and does so by itself within hours; this process does it now. */
  forget(taskArn: string): void {
    this.#byArn.delete(taskArn);
    this.#forgotten.delete(taskArn);
    this.#forgotten.add(taskArn);
    dropOldest(this.#forgotten);
  }

  isForgotten(taskArn: string): boolean {
    return this.#forgotten.has(taskArn);
  }
}

function dropOldest(kept: Map<string, unknown> | Set<string>): void {
  if (kept.size <= PICTURES_MAX) return;
  const [oldest] = kept.keys();
  if (oldest !== undefined) kept.delete(oldest);
}
