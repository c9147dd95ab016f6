import { lastPart } from './arns.ts';
import { clientError } from './ecs-error.ts';
import type { TaskLife } from './task-life.ts';

const TASKS_MAX = 100_000;

/** Every task that ECS still knows: a stopped one is forgotten after a while. */
export class Tasks {
  readonly #stoppedTtlMs: number;
  readonly #nowMs: () => number;
  readonly #lives = new Map<string, TaskLife>();
  readonly #remaining = new Set<TaskLife>();

  constructor(stoppedTtlMs: number, nowMs: () => number) {
    this.#stoppedTtlMs = stoppedTtlMs;
    this.#nowMs = nowMs;
  }

  add(life: TaskLife): void {
    if (this.#lives.size >= TASKS_MAX && this.#forgetOld() >= TASKS_MAX)
      throw clientError('The simulator holds too many tasks: shorten stoppedTaskTtlMs.');
    this.#lives.set(life.task.arn, life);
    this.#remaining.add(life);
    void life.gone.then(() => this.#remaining.delete(life));
  }

  /** Tasks of which something may run, also those that are STOPPED or forgotten. */
  get remaining(): TaskLife[] {
    return [...this.#remaining];
  }

  /** By ARN or id; null if it never was or is forgotten. */
  find(clusterArn: string, reference: string): TaskLife | null {
    const arn = reference.startsWith('arn:') ? reference : clusterArn.replace(':cluster/', ':task/') + `/${reference}`;
    const life = this.#lives.get(arn);
    if (life === undefined || life.task.clusterArn !== clusterArn || this.#isOld(life)) return null;
    return life;
  }

  /** By ARN or id, in any cluster. */
  findAnywhere(reference: string): TaskLife | null {
    const id = lastPart(reference);
    return this.all().find(({ task }) => task.id === id) ?? null;
  }

  /** Oldest first. */
  all(): TaskLife[] {
    this.#forgetOld();
    return [...this.#lives.values()];
  }

  #isOld({ task }: TaskLife): boolean {
    return task.stoppedAt !== null && this.#nowMs() - task.stoppedAt.getTime() > this.#stoppedTtlMs;
  }

  #forgetOld(): number {
    for (const [arn, life] of this.#lives) if (this.#isOld(life)) this.#lives.delete(arn);
    return this.#lives.size;
  }
}
