import type { LaunchResult, ListedTask, Observation, TaskEvent, TaskId, TaskRunner, TaskSpec } from '@bpi/jobs';
import { taskNameOf } from './naming.ts';
import type { Random } from './random.ts';
import { SIZES } from './settings.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { TaskWorld } from './task-world.ts';
import type { VirtualTime } from './virtual-time.ts';
import { SimulatedFault, type Wire } from './wire.ts';

const EVENT_LATE_MS = 5_000;

export type RunnerParts = { time: VirtualTime; wire: Wire; tasks: TaskWorld; random: Random };

/** The TaskRunner as one program sees it: answers get lost, lists are old, events come late, twice or never. */
export class SimulatedTaskRunner implements TaskRunner {
  readonly #process: SimulatedProcess;
  readonly #with: RunnerParts;
  #listed: ListedTask[] = [];

  constructor(process: SimulatedProcess, parts: RunnerParts) {
    this.#process = process;
    this.#with = parts;
  }

  definitionOf(): null {
    return null;
  }

  launch(spec: TaskSpec): Promise<LaunchResult> {
    return this.#call(
      `runner.launch ${taskNameOf(spec)}`,
      () => this.#with.tasks.launch(spec),
      (result) => (result.kind === 'refused' ? `refused: ${result.code}` : result.kind),
    );
  }

  inspect(task: TaskId): Promise<Observation> {
    const effect = () => this.#with.tasks.runner.inspect(task);
    return this.#call(`runner.inspect ${taskNameOf(task)}`, effect, ({ state }) => state);
  }

  stop(task: TaskId, mode: 'ask' | 'force'): Promise<void> {
    return this.#call(`runner.stop ${taskNameOf(task)} ${mode}`, () => this.#with.tasks.stop(task, mode));
  }

  list(): Promise<ListedTask[]> {
    const { random, wire, tasks } = this.#with;
    const effect = async () => {
      if (!random.chance(wire.weather.listStale)) this.#listed = await tasks.runner.list();
      return this.#listed;
    };
    return this.#call('runner.list', effect, (listed) => `${listed.length}`);
  }

  remove(task: TaskId): Promise<void> {
    return this.#call(`runner.remove ${taskNameOf(task)}`, () => this.#with.tasks.remove(task));
  }

  async *events(signal: AbortSignal): AsyncGenerator<TaskEvent> {
    const waiting: TaskEvent[] = [];
    let wake = () => {};
    const unlisten = this.#with.tasks.listen((event) => {
      this.#deliver(() => {
        waiting.push(event);
        wake();
      });
    });
    const end = () => {
      unlisten();
      wake();
    };
    this.#process.onEnd(unlisten);
    signal.addEventListener('abort', end);
    try {
      while (!signal.aborted) {
        const event = waiting.shift();
        if (event === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else if (this.#with.random.chance(this.#with.wire.weather.streamBroken)) throw new SimulatedFault();
        else yield event;
      }
    } finally {
      signal.removeEventListener('abort', end);
      unlisten();
    }
  }

  #deliver(take: () => void): void {
    const { time, random, wire } = this.#with;
    const { eventLost, eventTwice } = wire.weather;
    if (random.chance(eventLost)) return;
    const copies = random.chance(eventTwice) ? 2 : 1;
    const lateMs = wire.weather.callSlow > 0 ? EVENT_LATE_MS : 10;
    for (let copy = 0; copy < copies; copy += 1) {
      time.after(random.between(1, lateMs), () => this.#process.deliver(take));
    }
  }

  #call<T>(what: string, effect: () => Promise<T>, told: (answer: T) => string = () => 'done'): Promise<T> {
    return this.#with.wire.call(this.#process, { what, effect, told, effectWithinMs: SIZES.launchEffectMs });
  }
}
