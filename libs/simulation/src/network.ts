import { answer, type Answer, type Request } from './api-program.ts';
import type { JobId } from '@bpi/job-contract';
import { jobIdOf } from './naming.ts';
import type { Machine, Program } from './machine.ts';
import { SimulatedJobStore, SimulatedObjectStore } from './simulated-ports.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { SimulatedJobQueue } from './simulated-queue.ts';
import { EXPECTED_ERRORS } from './wire.ts';
import type { Surroundings } from './worker-program.ts';

const CLIENT_PATIENCE_MS = 15_000;
const LATE_MS = 20_000;

/** The API's program: it does nothing by itself. */
export const API_PROGRAM: Program = { start: () => ({ isLive: () => true }) };

/** Between clients and the API: requests and answers get lost and late, and a process that ends takes its requests along. */
export class Network {
  readonly #with: Surroundings;
  readonly #api: Machine;
  #ids = 0;

  constructor(surroundings: Surroundings, api: Machine) {
    this.#with = surroundings;
    this.#api = api;
  }

  /** The answer, or null: none came, or one that says that the server failed. Ask again. */
  ask(request: Request): Promise<Answer | null> {
    const { time } = this.#with;
    return new Promise((resolve) => {
      time.after(CLIENT_PATIENCE_MS, () => resolve(null));
      this.#carry(() => {
        const process = this.#api.process;
        if (process === null) return;
        process.deliver(() => {
          this.#handle(process, request).then(
            (told) => this.#carry(() => resolve(told)),
            (error: unknown) => this.#serverError(error, resolve),
          );
        });
      });
    });
  }

  nextId(): JobId {
    this.#ids += 1;
    return jobIdOf(this.#ids);
  }

  #handle(process: SimulatedProcess, request: Request): Promise<Answer> {
    const { random } = this.#with;
    return answer(
      {
        store: new SimulatedJobStore(process, { ...this.#with, lies: (probability) => random.chance(probability) }),
        queue: new SimulatedJobQueue(process, this.#with),
        objects: new SimulatedObjectStore(process, this.#with),
        clock: process.clock,
        nextId: () => this.nextId(),
      },
      request,
    );
  }

  #serverError(error: unknown, resolve: (told: null) => void): void {
    const name = error instanceof Error ? error.name.toLowerCase() : 'unknown';
    const isExpected = EXPECTED_ERRORS.includes(name);
    this.#with.verdict.expect(isExpected, 'noBug', () => `the API met ${String(error)}`);
    this.#carry(() => resolve(null));
  }

  #carry(arrive: () => void): void {
    const { time, random, wire } = this.#with;
    const { networkLost, networkLate } = wire.weather;
    if (random.chance(networkLost)) return;
    time.after(random.chance(networkLate) ? random.between(10, LATE_MS) : random.between(1, 10), arrive);
  }
}
