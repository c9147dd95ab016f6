import { randomBytes } from 'node:crypto';
import {
  CannotStart,
  type ContainerEngine,
  type ContainerExit,
  type ContainerPlan,
  type StartedContainer,
} from './container-engine.ts';

export type ProgramRun = {
  plan: ContainerPlan;
  /** Aborted at SIGTERM. */
  signal: AbortSignal;
  /** Aborted at SIGKILL; the simulator no longer waits for the program then. */
  killed: AbortSignal;
};

/** Resolves with the exit code. One that throws exits with 1; `OutOfMemory` is the kernel's work. */
export type Program = (run: ProgramRun) => Promise<number>;

/** Thrown by a program to end as a container that used more memory than it may. */
export class OutOfMemory extends Error {
  override readonly name = 'OutOfMemory';
}

type Container = {
  plan: ContainerPlan;
  terminate: AbortController;
  kill: AbortController;
  exit: Promise<ContainerExit>;
};

const KILLED_EXIT_CODE = 137;

/** Containers that are functions of this process, for tests that need thousands of tasks. */
export class ScriptedEngine implements ContainerEngine {
  readonly #programOf: (plan: ContainerPlan) => Program | null;
  readonly #containers = new Map<string, Container>();
  readonly #missingImages = new Set<string>();
  #running = 0;

  /** `programOf` says what a container does; null = its image does not exist. */
  constructor(programOf: (plan: ContainerPlan) => Program | null) {
    this.#programOf = programOf;
  }

  /** Containers whose program has not ended, also those of which the simulator says so: zombies. */
  get runningCount(): number {
    return this.#running;
  }

  /** From now on the image cannot be pulled, or can again. */
  imageIsMissing(image: string, missing: boolean): void {
    if (missing) this.#missingImages.add(image);
    else this.#missingImages.delete(image);
  }

  async start(plan: ContainerPlan): Promise<StartedContainer> {
    const program = this.#missingImages.has(plan.image) ? null : this.#programOf(plan);
    if (program === null)
      throw new CannotStart(
        'CannotPullContainerError',
        `pull image manifest has been retried 1 time(s): failed to resolve ref ${plan.image}: not found`,
      );
    const runtimeId = randomBytes(32).toString('hex');
    const terminate = new AbortController();
    const kill = new AbortController();
    const exit = this.#run(program, { plan, signal: terminate.signal, killed: kill.signal });
    this.#containers.set(runtimeId, { plan, terminate, kill, exit });
    return { runtimeId, imageDigest: null };
  }

  async wait(runtimeId: string): Promise<ContainerExit> {
    const container = this.#containers.get(runtimeId);
    return container === undefined ? { exitCode: KILLED_EXIT_CODE, oomKilled: false } : container.exit;
  }

  async stop(runtimeId: string, graceMs: number): Promise<void> {
    const container = this.#containers.get(runtimeId);
    if (container === undefined) return;
    container.terminate.abort();
    const timer = setTimeout(() => container.kill.abort(), graceMs);
    await container.exit;
    clearTimeout(timer);
  }

  async kill(runtimeId: string): Promise<void> {
    this.#containers.get(runtimeId)?.kill.abort();
  }

  async removeTask(taskId: string): Promise<void> {
    for (const [runtimeId, { plan, kill }] of this.#containers) {
      if (plan.taskId !== taskId) continue;
      kill.abort();
      this.#containers.delete(runtimeId);
    }
  }

  async close(): Promise<void> {
    for (const { kill } of this.#containers.values()) kill.abort();
    this.#containers.clear();
  }

  /** What the simulator sees: the program's end or its killing, whichever comes first. */
  async #run(program: Program, run: ProgramRun): Promise<ContainerExit> {
    this.#running += 1;
    const ended = this.#exitOf(program, run).finally(() => (this.#running -= 1));
    const killed = new Promise<ContainerExit>((resolve) => {
      const seen = () => resolve({ exitCode: KILLED_EXIT_CODE, oomKilled: false });
      run.killed.addEventListener('abort', seen, { once: true });
    });
    return Promise.race([ended, killed]);
  }

  async #exitOf(program: Program, run: ProgramRun): Promise<ContainerExit> {
    try {
      return { exitCode: await program(run), oomKilled: false };
    } catch (error) {
      return error instanceof OutOfMemory
        ? { exitCode: KILLED_EXIT_CODE, oomKilled: true }
        : { exitCode: 1, oomKilled: false };
    }
  }
}
