import { CannotStart, type ContainerEngine, type ContainerPlan, type StartedContainer } from './container-engine.ts';
import type { ContainerState, Task } from './task.ts';
import { unresolvable, waitsFor } from './container-order.ts';

export type AgentReport = {
  /** A container started or ended. Called after the change was made. */
  changed(container: ContainerState): void;
};

const OUT_OF_MEMORY = 'OutOfMemoryError: Container killed due to memory usage';
/** What the agent reports for a container that it never started, because its dependency cannot be met. */
const NEVER_STARTED_EXIT_CODE = 143;

/**
 * What the ECS agent on an instance does with one task: starts containers in the order of their dependencies, reports
 * how they end, and stops them in the reverse order. It decides nothing about the task itself.
 */
export class TaskAgent {
  readonly #task: Task;
  readonly #engine: ContainerEngine;
  readonly #plan: (container: ContainerState) => ContainerPlan;
  readonly #stopTimeoutMs: number;
  readonly #nowMs: () => number;
  readonly #report: AgentReport;
  readonly #waiting = new Set<() => void>();
  readonly #stopped = new Set<ContainerState>();
  readonly #starting = new Map<ContainerState, Promise<StartedContainer>>();
  #mode: 'running' | 'stopping' | 'cut_off' = 'running';
  #killing = false;

  constructor(
    task: Task,
    engine: ContainerEngine,
    options: {
      plan: (container: ContainerState) => ContainerPlan;
      stopTimeoutMs: number;
      nowMs: () => number;
      report: AgentReport;
    },
  ) {
    this.#task = task;
    this.#engine = engine;
    this.#plan = options.plan;
    this.#stopTimeoutMs = options.stopTimeoutMs;
    this.#nowMs = options.nowMs;
    this.#report = options.report;
  }

  /** Resolves when every container has ended, as the engine sees it, also after the agent was cut off. */
  async run(): Promise<void> {
    await Promise.all(this.#task.containers.map((container) => this.#drive(container)));
  }

  /** Containers that run get SIGTERM, those that depend on others first; the others are not started any more. */
  stop(): void {
    if (this.#mode !== 'running') return;
    this.#mode = 'stopping';
    this.#wake();
    for (const container of this.#task.containers) this.#stopInOrder(container);
  }

  /** From now on nothing is reported and nothing is started; what runs in the engine runs on. */
  cutOff(): void {
    this.#mode = 'cut_off';
    this.#wake();
  }

  /** As `cutOff`, and kills what runs in the engine or is just being started. */
  kill(): void {
    this.cutOff();
    this.#killing = true;
    for (const { runtimeId, finishedAt } of this.#task.containers)
      if (runtimeId !== null && finishedAt === null) this.#killOne(runtimeId);
  }

  /** Resolves when no start of this container is under way: it runs, and may ask about itself, before that. */
  async startSettled(container: ContainerState): Promise<void> {
    await this.#starting.get(container)?.catch(() => {});
  }

  async #drive(container: ContainerState): Promise<void> {
    const resolved = await this.#resolved(container);
    if (resolved === 'cut_off') return;
    if (resolved === 'stopping') return this.#ended(container, null, null);
    if (resolved !== 'ready') return this.#ended(container, NEVER_STARTED_EXIT_CODE, resolved.reason);
    const started = await this.#started(container);
    if (started === null) return;
    const { exitCode, reason } = await this.#exit(started.runtimeId);
    this.#ended(container, exitCode, reason);
  }

  /** Waits until the dependencies say yes or never, or the task no longer wants to know. */
  async #resolved(container: ContainerState): Promise<'ready' | 'stopping' | 'cut_off' | { reason: string }> {
    for (;;) {
      if (this.#mode !== 'running') return this.#mode;
      const reason = unresolvable(container, this.#task.containers);
      if (reason !== null) return { reason };
      if (!waitsFor(container, this.#task.containers)) return 'ready';
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async #started(container: ContainerState): Promise<StartedContainer | null> {
    let started: StartedContainer;
    try {
      const starting = this.#engine.start(this.#plan(container));
      this.#starting.set(container, starting);
      started = await starting;
    } catch (error) {
      const reason = error instanceof CannotStart ? error.message : `CannotStartContainerError: ${String(error)}`;
      this.#ended(container, null, reason);
      return null;
    }
    container.runtimeId = started.runtimeId;
    if (this.#isCutOff()) {
      if (this.#killing) this.#killOne(started.runtimeId);
      return started;
    }
    const now = new Date(this.#nowMs());
    Object.assign(container, {
      lastStatus: 'RUNNING',
      imageDigest: started.imageDigest,
      createdAt: now,
      startedAt: now,
    });
    this.#report.changed(container);
    this.#wake();
    if (this.#isStopping()) this.#stopInOrder(container);
    return started;
  }

  async #exit(runtimeId: string): Promise<{ exitCode: number | null; reason: string | null }> {
    try {
      const { exitCode, oomKilled } = await this.#engine.wait(runtimeId);
      return { exitCode, reason: oomKilled ? OUT_OF_MEMORY : null };
    } catch (error) {
      return { exitCode: null, reason: `CannotInspectContainerError: ${String(error)}` };
    }
  }

  #ended(container: ContainerState, exitCode: number | null, reason: string | null): void {
    if (this.#isCutOff()) return;
    Object.assign(container, { lastStatus: 'STOPPED', exitCode, reason, finishedAt: new Date(this.#nowMs()) });
    this.#report.changed(container);
    this.#wake();
  }

  /** A container is stopped once everything that depends on it has ended. */
  #stopInOrder(container: ContainerState): void {
    if (container.lastStatus !== 'RUNNING' || this.#stopped.has(container)) return;
    this.#stopped.add(container);
    void this.#stopAfterDependants(container);
  }

  async #stopAfterDependants(container: ContainerState): Promise<void> {
    const { name, stopTimeout } = container.definition;
    const dependants = this.#task.containers.filter(({ definition }) =>
      definition.dependsOn?.some(({ containerName }) => containerName === name),
    );
    while (dependants.some(({ lastStatus }) => lastStatus !== 'STOPPED')) {
      if (this.#isCutOff()) return;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    if (container.runtimeId === null || container.lastStatus !== 'RUNNING' || this.#isCutOff()) return;
    const graceMs = stopTimeout === undefined ? this.#stopTimeoutMs : stopTimeout * 1_000;
    const { runtimeId } = container;
    await this.#engine.stop(runtimeId, graceMs).catch(() => this.#killOne(runtimeId));
  }

  /** How it went shows in how the container ended. */
  #killOne(runtimeId: string): void {
    void this.#engine.kill(runtimeId).catch(() => {});
  }

  // The mode changes during an await; a method keeps the compiler from believing otherwise.
  #isCutOff(): boolean {
    return this.#mode === 'cut_off';
  }

  #isStopping(): boolean {
    return this.#mode === 'stopping';
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
