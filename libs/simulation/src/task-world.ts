import { MemoryTaskRunner, type SimulatedState } from '@bpi/adapters-memory';
import { holdsSlot, isTerminal, type JobId } from '@bpi/job-contract';
import type { LaunchResult, StopCause, TaskEvent, TaskSpec } from '@bpi/jobs';
import type { Verdict } from './invariants.ts';
import { taskNameOf } from './naming.ts';
import type { Random } from './random.ts';
import { POLICY, SIZES } from './settings.ts';
import { SimulatedProcess, START_MS } from './simulated-process.ts';
import { SimulatedObjectStore } from './simulated-ports.ts';
import { runTask, type TaskEnd } from './task-program.ts';
import type { Trace } from './trace.ts';
import type { Truth } from './truth.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Wire } from './wire.ts';

export type Task = {
  readonly spec: TaskSpec;
  readonly process: SimulatedProcess;
  isLive: boolean;
  isStubborn: boolean;
  /** Since when the runner has not known the task though it may live; null while it does. */
  unseenSinceMs: number | null;
  /** It was out of sight for so long that whoever looked then may take it for gone, also if it is seen again. */
  isCountedOut: boolean;
  isRemoved: boolean;
};

export type TaskWorldParts = {
  time: VirtualTime;
  random: Random;
  wire: Wire;
  truth: Truth;
  verdict: Verdict;
  trace: Trace;
};

/** What a runner forgets of stopped tasks, it forgets as soon as this. */
const FORGOTTEN_WITHIN_MS = 60_000;
const ASKED_STOP: TaskEnd = { cause: 'stop_requested', exitCode: 143 };
const FORCED_STOP: TaskEnd = { cause: 'stop_requested', exitCode: 137 };

/**
 * The machines: what becomes of a task once it is launched, and what the runner, a MemoryTaskRunner, is shown of that. A
 * task may be late to be seen, wait for a machine, be killed, stall, be out of sight and go on, refuse to stop, and leave
 * no exit code.
 */
export class TaskWorld {
  readonly runner = new MemoryTaskRunner();
  readonly tasks = new Map<string, Task>();
  readonly #with: TaskWorldParts;
  readonly #listeners = new Set<(event: TaskEvent) => void>();

  constructor(parts: TaskWorldParts) {
    this.#with = parts;
  }

  /** Told of every change of a task, also by several programs. */
  listen(listener: (event: TaskEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async launch(spec: TaskSpec): Promise<LaunchResult> {
    const { random, wire } = this.#with;
    const known = this.tasks.get(taskNameOf(spec));
    if (known === undefined || known.isRemoved) {
      this.#checkLaunch(spec);
      const isRefused = random.chance(wire.weather.launchRefused);
      const code = random.pick(['capacity_unavailable', 'capacity_unavailable', 'platform_error', 'model_unavailable']);
      this.runner.refuse(spec.jobId, isRefused ? code : null);
      const isLate = random.chance(wire.weather.seenLate);
      this.runner.newTasksAre(isLate ? 'hidden' : 'seen');
      const launched = await this.runner.launch(spec);
      if (launched.kind === 'launched') this.#begin(spec, isLate);
      return launched;
    }
    return this.runner.launch(spec);
  }

  async stop(of: { jobId: JobId; epoch: number }, mode: 'ask' | 'force'): Promise<void> {
    const task = this.tasks.get(taskNameOf(of));
    if (task === undefined || !task.isLive || task.unseenSinceMs !== null) return;
    this.#checkStop(task);
    const { random, time } = this.#with;
    if (mode === 'ask' && (task.isStubborn || task.process.isStalled)) return;
    time.after(random.between(100, 2_000), () => this.#end(task, mode === 'ask' ? ASKED_STOP : FORCED_STOP));
  }

  async remove(of: { jobId: JobId; epoch: number }): Promise<void> {
    await this.runner.remove(of);
    const task = this.tasks.get(taskNameOf(of));
    if (task !== undefined && !task.isLive) task.isRemoved = true;
  }

  /** Gone as far as anybody can tell: stopped, never made, or out of sight for long enough. */
  isGone(jobId: JobId, epoch: number): boolean {
    const task = this.tasks.get(taskNameOf({ jobId, epoch }));
    if (task === undefined || !task.isLive) return true;
    task.isCountedOut = this.#wasUnseenLongEnough(task);
    return task.isCountedOut;
  }

  get live(): Task[] {
    return [...this.tasks.values()].filter(({ isLive }) => isLive);
  }

  /** Stopped tasks that nobody removed although they are in sight. */
  get remains(): Task[] {
    return [...this.tasks.values()].filter(({ isLive, isRemoved, unseenSinceMs }) => {
      return !isLive && !isRemoved && unseenSinceMs === null;
    });
  }

  /** From now on the runner sees everything. */
  calm(): void {
    for (const task of this.tasks.values()) this.#show(task);
  }

  #wasUnseenLongEnough(task: Task): boolean {
    const { unseenSinceMs, isCountedOut } = task;
    if (isCountedOut || unseenSinceMs === null) return isCountedOut;
    // Two clocks measure the time, one that is ahead and one that is behind.
    const goneAfterMs = POLICY.taskGoneAfterMs - 2 * SIZES.skewMs;
    return this.#with.time.nowMs - Math.min(unseenSinceMs, this.#missingSinceMs(task)) >= goneAfterMs;
  }

  /**
   * Since when every look that got an answer found nothing. The protocol takes that for one absence, although the task was
   * in sight in between where no look got an answer: no runner that it is made for loses sight of one task twice so soon.
   */
  #missingSinceMs({ spec }: Task): number {
    const attempt = this.#with.truth.records.get(spec.jobId)?.attempt;
    const sinceMs = attempt?.epoch === spec.epoch ? attempt.missingSinceMs : null;
    return sinceMs === null ? Number.POSITIVE_INFINITY : sinceMs - START_MS;
  }

  /** A task is made only for the attempt that the record has in flight, and beside no other one that is in sight. */
  #checkLaunch(spec: TaskSpec): void {
    const { truth, verdict } = this.#with;
    const job = truth.records.get(spec.jobId);
    const isCurrent = job !== undefined && holdsSlot(job.phase) && job.attempt?.epoch === spec.epoch;
    verdict.expect(isCurrent, 'oneTask', () => {
      return `${taskNameOf(spec)} is launched while its job is ${job?.phase} in attempt ${job?.attempt?.epoch}`;
    });
    for (let epoch = 1; epoch < spec.epoch; epoch += 1) {
      const isGone = this.isGone(spec.jobId, epoch);
      verdict.expect(isGone, 'oneTask', () => `${taskNameOf(spec)} is launched while task ${epoch} lives`);
    }
    const isFirst = !this.tasks.has(taskNameOf(spec));
    verdict.expect(isFirst, 'budget', () => `${taskNameOf(spec)} is launched again after it was removed`);
  }

  #checkStop({ spec }: Task): void {
    const job = this.#with.truth.records.get(spec.jobId);
    const isWanted =
      job !== undefined &&
      !isTerminal(job.phase) &&
      holdsSlot(job.phase) &&
      job.attempt?.epoch === spec.epoch &&
      job.attempt.intent === null;
    this.#with.verdict.expect(!isWanted, 'wrongStop', () => `${taskNameOf(spec)} is stopped without an intent`);
  }

  #begin(spec: TaskSpec, isLate: boolean): void {
    const { time, random, wire, truth } = this.#with;
    const { weather } = wire;
    const process = new SimulatedProcess(time, `task ${taskNameOf(spec)}`);
    const task: Task = {
      spec: { ...spec },
      process,
      isLive: true,
      isStubborn: random.chance(weather.stubborn),
      unseenSinceMs: null,
      isCountedOut: false,
      isRemoved: false,
    };
    this.tasks.set(taskNameOf(spec), task);
    if (isLate) time.after(random.between(1, SIZES.seenLateMs), () => this.#show(task));
    const waitMs = random.chance(weather.waitsForMachine) ? random.between(1_000, 180_000) : 0;
    if (waitMs > 0) this.#set(task, { state: 'pending', waitingFor: 'capacity' });
    const objects = new SimulatedObjectStore(process, { wire, truth });
    process.timers.after(waitMs + random.between(200, 3_000), () => {
      this.#set(task, { state: 'running' });
      const onProgress = (fraction: number) => {
        this.#tell({ kind: 'progress', jobId: spec.jobId, epoch: spec.epoch, fraction, step: 'predict', atMs: null });
      };
      runTask({ process, objects, random, onProgress }, spec).then(
        (end) => this.#end(task, end),
        (error: unknown) => this.#with.verdict.accuse('noBug', `a task failed: ${String(error)}`),
      );
    });
    this.#planTroubles(task, waitMs);
  }

  #planTroubles(task: Task, waitMs: number): void {
    const { time, random, wire, trace } = this.#with;
    const { killed, stalled, partitioned } = wire.weather;
    const name = `task ${taskNameOf(task.spec)}`;
    const soon = () => waitMs + random.between(0, 30_000);
    if (random.chance(killed)) {
      const cause: StopCause = random.pick([
        'interrupted',
        'interrupted',
        'unknown',
        'no_capacity',
        'image_unavailable',
      ]);
      // What never got a machine did not run; what ran cannot have failed to start.
      const isStart = cause === 'no_capacity' || cause === 'image_unavailable';
      time.after(isStart ? 100 : soon(), () => this.#end(task, { cause, exitCode: null }));
    }
    if (random.chance(stalled)) time.after(soon(), () => wire.stall(task.process));
    if (random.chance(partitioned)) {
      time.after(soon(), () => {
        if (!task.isLive) return;
        trace.note(name, 'out of sight');
        this.#hide(task);
        time.after(random.between(1_000, random.pick([20_000, 300_000, 1_200_000])), () => this.#show(task));
      });
    }
  }

  #end(task: Task, end: TaskEnd): void {
    if (!task.isLive) return;
    const { time, random, wire, trace } = this.#with;
    task.isLive = false;
    task.process.kill();
    trace.note(task.process.name, `ended: ${end.cause} ${end.exitCode}`);
    const exitCode = random.chance(wire.weather.exitForgotten) ? null : end.exitCode;
    this.#set(task, { state: 'stopped', ...end, exitCode });
    if (random.chance(wire.weather.forgottenStopped)) {
      time.after(random.between(100, FORGOTTEN_WITHIN_MS), () => this.#hide(task));
    }
  }

  #set(task: Task, state: SimulatedState): void {
    if (task.isRemoved) return;
    const { jobId, epoch } = task.spec;
    this.runner.set(jobId, epoch, state);
    if (task.unseenSinceMs === null) this.#tell({ kind: 'changed', jobId, epoch });
  }

  #hide(task: Task): void {
    if (task.isRemoved) return;
    task.unseenSinceMs ??= this.#with.time.nowMs;
    this.runner.forget(task.spec.jobId, task.spec.epoch);
  }

  #show(task: Task): void {
    if (task.isRemoved) return;
    task.isCountedOut = this.#wasUnseenLongEnough(task);
    task.unseenSinceMs = null;
    this.runner.show(task.spec.jobId, task.spec.epoch);
  }

  #tell(event: TaskEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
