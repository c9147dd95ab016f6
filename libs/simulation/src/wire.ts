import type { Random } from './random.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';
import { CALM, type Weather } from './weather.ts';

/** What a caller is told of a call that got lost. */
export class SimulatedFault extends Error {
  override readonly name = 'SimulatedFault';
  constructor() {
    super('simulated: no answer came');
    // Where it came from is in the trace; to write a stack down takes longer than the rest of a call.
    this.stack = '';
  }
}

/** The names of errors that a program under these faults may meet; any other one is a bug. */
export const EXPECTED_ERRORS: readonly string[] = ['simulatedfault', 'objectnotfound'];

export type Call<T> = {
  /** For the trace: `store.save #7 v3`. */
  what: string;
  /** Atomic: does its work before anything else happens. */
  effect: () => Promise<T>;
  /** For the trace, of the answer. */
  told?: (answer: T) => string;
  /** The effect comes within this, or never. */
  effectWithinMs?: number;
  /** It takes or frees a slot: killed or stalled after it, the caller leaves more behind than elsewhere. */
  isMove?: (answer: T) => boolean;
};

type Fate = { requestMs: number; answerMs: number; isLost: boolean; isAnswerLost: boolean; note: string };

const MINUTE_MS = 60_000;
const PATIENCE_MS = 3_000;

/** Between programs and what they depend on: every call takes its time, and some go wrong. */
export class Wire {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #trace: Trace;
  #weather: Weather;

  constructor(parts: { time: VirtualTime; random: Random; trace: Trace; weather: Weather }) {
    this.#time = parts.time;
    this.#random = parts.random;
    this.#trace = parts.trace;
    this.#weather = parts.weather;
  }

  get weather(): Weather {
    return this.#weather;
  }

  /** From now on everything works. What is under way keeps its fate. */
  calm(): void {
    this.#weather = CALM;
  }

  call<T>(process: SimulatedProcess, call: Call<T>): Promise<T> {
    const fate = this.#fateOf(call.effectWithinMs ?? MINUTE_MS);
    this.#strikeAtCall(process);
    return new Promise<T>((resolve, reject) => {
      const answer = (delayMs: number, settle: () => void) => {
        this.#time.after(delayMs, () => process.deliver(settle));
      };
      const fail = () => answer(PATIENCE_MS, () => reject(new SimulatedFault()));
      if (fate.isLost) {
        this.#trace.note(process.name, `${call.what}: lost`);
        fail();
        return;
      }
      if (fate.isAnswerLost) fail();
      this.#time.after(fate.requestMs, () => {
        call.effect().then(
          (value) => {
            this.#trace.note(process.name, `${call.what}: ${call.told?.(value) ?? 'done'}${fate.note}`);
            if (call.isMove?.(value) === true) this.#strikeAtMove(process);
            else this.#strikeAtCall(process);
            if (!fate.isAnswerLost) answer(fate.answerMs, () => resolve(value));
          },
          (error: unknown) => {
            this.#trace.note(
              process.name,
              `${call.what}: ${error instanceof Error ? error.name : 'error'}${fate.note}`,
            );
            if (!fate.isAnswerLost) answer(fate.answerMs, () => reject(error as Error)); // an adapter's own error
          },
        );
      });
    });
  }

  #strikeAtCall(process: SimulatedProcess): void {
    const { killedAtCall, stalledAtCall } = this.#weather;
    this.#strike(process, killedAtCall, stalledAtCall);
  }

  #strikeAtMove(process: SimulatedProcess): void {
    const { killedAtMove, stalledAtMove } = this.#weather;
    this.#strike(process, killedAtMove, stalledAtMove);
  }

  /** The caller may be killed or stalled just here. */
  #strike(process: SimulatedProcess, killed: number, stalled: number): void {
    if (killed > 0 && this.#random.chance(killed)) {
      this.#trace.note(process.name, 'killed at this call');
      process.kill();
    } else if (stalled > 0 && this.#random.chance(stalled)) this.stall(process);
  }

  /** From a blink to longer than every lease and time-out. */
  stall(process: SimulatedProcess): void {
    const longestMs = this.#random.pick([1_000, 10_000, MINUTE_MS, 20 * MINUTE_MS]);
    const ms = this.#random.between(100, longestMs);
    this.#trace.note(process.name, `stalled for ${ms} ms`);
    process.stall(ms);
  }

  #fateOf(effectWithinMs: number): Fate {
    const { callLost, answerLost, effectLate, callSlow } = this.#weather;
    const random = this.#random;
    const fate: Fate = {
      requestMs: random.between(1, 10),
      answerMs: random.between(1, 10),
      isLost: false,
      isAnswerLost: false,
      note: '',
    };
    const roll = random.next();
    if (roll < callLost) return { ...fate, isLost: true };
    if (roll < callLost + answerLost) return { ...fate, isAnswerLost: true, note: ' (answer lost)' };
    if (roll < callLost + answerLost + effectLate) {
      const requestMs = Math.min(effectWithinMs, random.between(1_000, MINUTE_MS));
      return { ...fate, requestMs, isAnswerLost: true, note: ' (late, answer lost)' };
    }
    if (roll < callLost + answerLost + effectLate + callSlow) {
      const requestMs = Math.min(effectWithinMs, random.between(10, PATIENCE_MS));
      return { ...fate, requestMs, answerMs: random.between(10, PATIENCE_MS), note: ' (slow)' };
    }
    return fate;
  }
}
