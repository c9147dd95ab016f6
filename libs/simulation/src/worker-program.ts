import { RULES, type AdvanceContext, type JobPolicy, type Rules } from '@bpi/jobs';
import { Liveness } from '@bpi/worker/liveness';
import { runWorker } from '@bpi/worker/worker';
import type { Log } from '@bpi/job-contract';
import type { Verdict } from './invariants.ts';
import type { Program } from './machine.ts';
import type { Random } from './random.ts';
import { POLICY, WORKER_SETTINGS } from './settings.ts';
import { SimulatedJobStore, SimulatedObjectStore } from './simulated-ports.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { SimulatedJobQueue, type QueueServer } from './simulated-queue.ts';
import { SimulatedTaskRunner } from './simulated-runner.ts';
import type { TaskWorld } from './task-world.ts';
import type { Trace } from './trace.ts';
import type { Truth } from './truth.ts';
import type { VirtualTime } from './virtual-time.ts';
import { EXPECTED_ERRORS, type Wire } from './wire.ts';

/** A rule that is broken on purpose, to see that it is noticed. */
export type Sabotage = {
  rules?: Partial<Rules>;
  policy?: Partial<JobPolicy>;
  /** Replaces what a worker was given. */
  context?: (context: AdvanceContext) => AdvanceContext;
};

export type Surroundings = {
  time: VirtualTime;
  random: Random;
  wire: Wire;
  trace: Trace;
  verdict: Verdict;
  truth: Truth;
  tasks: TaskWorld;
  queue: QueueServer;
};

/** The worker as it is in production, in a process that may be killed or stalled at any await. */
export class WorkerProgram implements Program {
  readonly #with: Surroundings;
  readonly #sabotage: Sabotage;
  #end = new AbortController();
  #hasEnded = false;

  constructor(surroundings: Surroundings, sabotage: Sabotage) {
    this.#with = surroundings;
    this.#sabotage = sabotage;
  }

  /** Every loop and every step under way is over. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** What a SIGTERM does. */
  end(): void {
    this.#end.abort();
  }

  start(process: SimulatedProcess): { isLive: () => boolean } {
    this.#end = new AbortController();
    this.#hasEnded = false;
    const log = logOf(process, this.#with);
    const liveness = new Liveness(process.clock, log);
    const context = this.#contextOf(process, log);
    const tools = { context, liveness, signal: this.#end.signal, timers: process.timers };
    runWorker(tools, WORKER_SETTINGS).then(
      () => (this.#hasEnded = true),
      (error: unknown) => this.#with.verdict.accuse('noBug', `${process.name} ended: ${String(error)}`),
    );
    return { isLive: () => liveness.isLive() };
  }

  #contextOf(process: SimulatedProcess, log: Log): AdvanceContext {
    const { random } = this.#with;
    const { rules, policy, context: replaced } = this.#sabotage;
    const context: AdvanceContext = {
      store: new SimulatedJobStore(process, { ...this.#with, lies: (probability) => random.chance(probability) }),
      queue: new SimulatedJobQueue(process, this.#with),
      runner: new SimulatedTaskRunner(process, this.#with),
      objects: new SimulatedObjectStore(process, this.#with),
      clock: process.clock,
      policy: { ...POLICY, ...policy },
      log,
      ...(rules === undefined ? {} : { rules: { ...RULES, ...rules } }),
    };
    return replaced === undefined ? context : replaced(context);
  }
}

/** Into the trace; an error that no fault explains is a bug. */
export function logOf(process: SimulatedProcess, { trace, verdict }: Pick<Surroundings, 'trace' | 'verdict'>): Log {
  return (event, fields: Readonly<Record<string, unknown>> = {}) => {
    const { errorName, frames, ...told } = fields;
    if (errorName === undefined) {
      trace.note(process.name, `log ${event} ${JSON.stringify(told)}`);
      return;
    }
    trace.note(process.name, `log ${event} ${JSON.stringify(told)} ${String(errorName)}`);
    const isExpected = errorName === 'hanging' || EXPECTED_ERRORS.includes(String(errorName));
    verdict.expect(isExpected, 'noBug', () => `${process.name} met ${String(errorName)} at ${JSON.stringify(frames)}`);
  };
}
