import { planContainer } from './container-plan.ts';
import type { ContainerEngine } from './container-engine.ts';
import type { Settings } from './settings.ts';
import { TaskAgent } from './task-agent.ts';
import { isEssential } from './task-definition-rules.ts';
import type { ContainerState, StopCode, Task, TaskStatus } from './task.ts';
import type { Timers } from './timers.ts';

export type TaskLifeDeps = {
  engine: ContainerEngine;
  settings: Settings;
  timers: Timers;
  metadataUrl: string;
  /** Tells the world about a change that was just made. */
  publish: (task: Task) => void;
  /** The task holds nothing of its instance any more. */
  stopped: (life: TaskLife) => void;
};

/** Reported for the containers of a zombie: as if they had been killed. */
const KILLED_EXIT_CODE = 137;

/**
 * One task from PROVISIONING to STOPPED. `lastStatus` follows the containers as the agent reports them: a task is
 * RUNNING only when each of its containers has started, also one that waits for another to complete.
 */
export class TaskLife {
  readonly task: Task;
  readonly #deps: TaskLifeDeps;
  #agent: TaskAgent | null = null;
  #ended: Promise<void> = Promise.resolve();
  #steps: Promise<void> = Promise.resolve();
  readonly #gone = Promise.withResolvers<void>();
  #activated = false;
  #over = false;

  constructor(task: Task, deps: TaskLifeDeps) {
    this.task = task;
    this.#deps = deps;
    deps.publish(task);
  }

  /** Resolves once the task is STOPPED and the engine holds nothing of it: for a zombie later than the world was told. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Resolves when no start of this container is under way. */
  async startSettled(container: ContainerState): Promise<void> {
    await this.#agent?.startSettled(container);
  }

  /** An instance has room: the agent there takes over. */
  place(containerInstanceArn: string): void {
    const { engine, settings, metadataUrl } = this.#deps;
    this.#agent = new TaskAgent(this.task, engine, {
      plan: (container) => planContainer(this.task, container, metadataUrl),
      stopTimeoutMs: settings.stopTimeoutMs,
      nowMs: settings.nowMs,
      report: { changed: (container) => this.#containerChanged(container) },
    });
    this.#change({ containerInstanceArn, lastStatus: 'PENDING', pullStartedAt: this.#now() });
    this.#ended = this.#agent.run().then(() => {
      if (!this.#over && this.task.desiredStatus === 'STOPPED') this.#moveTo('DEPROVISIONING', 'STOPPED');
    });
  }

  /** Orderly and asynchronous. Only the first reason counts; safe to repeat. */
  stop(stopCode: StopCode, stoppedReason: string): void {
    if (this.task.desiredStatus === 'STOPPED') return;
    this.#change({ desiredStatus: 'STOPPED', stopCode, stoppedReason, stoppingAt: this.#now() });
    if (this.#agent === null) {
      this.#endContainers(null);
      this.#moveTo('DEPROVISIONING', 'STOPPED');
    } else if (this.task.fate === 'ignores_stop' && stopCode === 'UserInitiated') {
      this.#agent.cutOff();
    } else if (this.task.fate === 'zombie') {
      this.#agent.cutOff();
      this.#endContainers(KILLED_EXIT_CODE);
      this.#moveTo('DEACTIVATING', 'STOPPING', 'DEPROVISIONING', 'STOPPED');
    } else {
      this.#moveTo('DEACTIVATING', 'STOPPING');
      this.#agent.stop();
    }
  }

  /** The instance is gone, and with it the agent: nobody reports exit codes. */
  hostLost(stopCode: StopCode, stoppedReason: string): void {
    if (this.#over) return;
    if (this.task.fate === 'zombie') this.#agent?.cutOff();
    else this.#agent?.kill();
    this.#endContainers(null);
    const asked = this.task.desiredStatus === 'STOPPED' ? {} : { stopCode, stoppedReason, stoppingAt: this.#now() };
    this.#change({ desiredStatus: 'STOPPED', ...asked });
    this.#enter('STOPPED');
  }

  /** Ends the containers, whatever the world was told about them. Resolves when the engine holds nothing of the task. */
  async kill(): Promise<void> {
    this.#agent?.kill();
    await this.#ended;
    await this.#deps.engine.removeTask(this.task.id);
  }

  #containerChanged(container: ContainerState): void {
    const { containers } = this.task;
    const allPulled = containers.every(({ startedAt, lastStatus }) => startedAt !== null || lastStatus === 'STOPPED');
    if (allPulled) this.task.pullStoppedAt ??= this.#now();
    this.#change({});
    if (container.lastStatus === 'STOPPED' && isEssential(container.definition)) this.#essentialEnded(container);
    if (allPulled && !this.#activated && containers.some(({ startedAt }) => startedAt !== null)) {
      this.#activated = true;
      if (this.task.desiredStatus === 'RUNNING') this.#moveTo('ACTIVATING', 'RUNNING');
    }
  }

  #essentialEnded(container: ContainerState): void {
    const neverRan = container.exitCode === null && container.startedAt === null;
    if (neverRan) this.stop('TaskFailedToStart', container.reason ?? 'Task failed to start');
    else this.stop('EssentialContainerExited', 'Essential container in task exited');
  }

  /** Goes through the states one after the other, each with a pause before it. */
  #moveTo(...statuses: readonly TaskStatus[]): void {
    for (const status of statuses) {
      this.#steps = this.#steps
        .then(() => new Promise<void>((resolve) => this.#deps.timers.after(this.#deps.settings.transitionMs, resolve)))
        .then(() => this.#enter(status));
    }
  }

  #enter(status: TaskStatus): void {
    if (this.#over) return;
    // A task that never ran has nothing to deactivate.
    if (status === 'DEACTIVATING' && this.task.lastStatus !== 'RUNNING') return;
    const now = this.#now();
    const started = status === 'RUNNING' ? { startedAt: now } : {};
    const executionEnded = status === 'DEPROVISIONING' && this.#agent !== null ? { executionStoppedAt: now } : {};
    this.#over = status === 'STOPPED';
    this.#change({ lastStatus: status, ...started, ...executionEnded, ...(this.#over ? { stoppedAt: now } : {}) });
    if (!this.#over) return;
    this.#deps.stopped(this);
    // A failed clean-up leaves remains in the engine; the engine's own close removes them.
    void this.#ended
      .then(() => this.#deps.engine.removeTask(this.task.id))
      .catch(() => {})
      .finally(this.#gone.resolve);
  }

  #endContainers(exitCode: number | null): void {
    for (const container of this.task.containers) {
      if (container.lastStatus === 'STOPPED') continue;
      // Only what ran has an exit code. finishedAt stays open: the agent's kill goes by it.
      if (container.lastStatus === 'RUNNING') container.exitCode = exitCode;
      container.lastStatus = 'STOPPED';
    }
  }

  #change(change: Partial<Task>): void {
    Object.assign(this.task, change);
    this.#deps.publish(this.task);
  }

  #now(): Date {
    return new Date(this.#deps.settings.nowMs());
  }
}
