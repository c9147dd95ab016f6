import type { Random } from './random.ts';
import { SIZES } from './settings.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Wire } from './wire.ts';

const HOUR_MS = 60 * 60 * 1_000;
const RESTART_MS_MAX = 30_000;
const HEALTH_EVERY_MS = 60_000;

/** A program that runs in a process: what it does from its start, and how its orchestrator learns that it hangs. */
export type Program = { start: (process: SimulatedProcess) => { isLive: () => boolean } };

/** Keeps one program running: whenever its process ends, a new one is started. Kills and stalls it as the weather says. */
export class Machine {
  readonly #name: string;
  readonly #program: Program;
  readonly #with: { time: VirtualTime; random: Random; wire: Wire; trace: Trace };
  #starts = 0;
  #process: SimulatedProcess | null = null;
  #mayStart = true;

  constructor(name: string, program: Program, parts: { time: VirtualTime; random: Random; wire: Wire; trace: Trace }) {
    this.#name = name;
    this.#program = program;
    this.#with = parts;
    this.#start();
    this.#planNext('kill');
    this.#planNext('stall');
  }

  /** The process that runs now; null between two of them. */
  get process(): SimulatedProcess | null {
    return this.#process;
  }

  /** The program was asked to end: it is not started again. */
  retire(): void {
    this.#mayStart = false;
  }

  #start(): void {
    if (!this.#mayStart) return;
    const { time, random, trace } = this.#with;
    this.#starts += 1;
    const process = new SimulatedProcess(
      time,
      `${this.#name}.${this.#starts}`,
      random.between(-SIZES.skewMs, SIZES.skewMs),
    );
    process.onEnd(() => {
      this.#process = null;
      time.after(random.between(100, RESTART_MS_MAX), () => this.#start());
    });
    this.#process = process;
    trace.note(process.name, 'starts');
    const { isLive } = this.#program.start(process);
    this.#watchHealth(process, isLive);
  }

  #watchHealth(process: SimulatedProcess, isLive: () => boolean): void {
    const check = () => {
      if (process.isDead) return;
      if (isLive()) this.#with.time.after(HEALTH_EVERY_MS, check);
      else {
        this.#with.trace.note(process.name, 'hangs: restarted');
        process.kill();
      }
    };
    this.#with.time.after(HEALTH_EVERY_MS, check);
  }

  #planNext(what: 'kill' | 'stall'): void {
    const { time, random, wire, trace } = this.#with;
    const perHour = what === 'kill' ? wire.weather.killsPerHour : wire.weather.stallsPerHour;
    if (perHour === 0) return;
    // Uniform around the mean: memory of the last one does not matter here.
    time.after(random.between(1, (2 * HOUR_MS) / perHour), () => {
      const process = this.#process;
      if (process !== null && wire.weather.killsPerHour + wire.weather.stallsPerHour > 0) {
        if (what === 'stall') wire.stall(process);
        else {
          trace.note(process.name, 'killed');
          process.kill();
        }
      }
      this.#planNext(what);
    });
  }
}
