import { setTimeout as pause } from 'node:timers/promises';
import { ApiProblem, type Client } from '@bpi/tools';

/** A client sends a job, then thinks: back to back, it would measure its own load. */
const PAUSE_MS = 50;

/** A client that sends one small job after the other, and how long each took until its 202. */
export class GoodClient {
  accepted = 0;
  /** Codes of what went wrong. */
  readonly refusals: string[] = [];
  readonly #client: Client;
  readonly #inputPath: string;

  constructor(client: Client, inputPath: string) {
    this.#client = client;
    this.#inputPath = inputPath;
  }

  async submitLarge(path: string): Promise<void> {
    await this.#client.infer({ inputPath: path, model: 'echo' });
    this.accepted += 1;
  }

  async submitTimes(count: number): Promise<number[]> {
    const latenciesMs: number[] = [];
    while (latenciesMs.length < count) latenciesMs.push(await this.#submit());
    return latenciesMs;
  }

  /** At least once, and until the other has ended. */
  async submitWhile<T>(other: Promise<T>): Promise<[T, number[]]> {
    let isOver = false;
    const over = other.finally(() => (isOver = true));
    over.catch(() => undefined); // thrown below
    const latenciesMs: number[] = [];
    do latenciesMs.push(await this.#submit());
    while (!isOver);
    return [await over, latenciesMs];
  }

  async #submit(): Promise<number> {
    await pause(PAUSE_MS);
    const startedMs = performance.now();
    try {
      await this.#client.infer({ inputPath: this.#inputPath, model: 'echo' });
      this.accepted += 1;
    } catch (error) {
      this.refusals.push(error instanceof ApiProblem ? error.code : 'no answer');
    }
    return performance.now() - startedMs;
  }
}
