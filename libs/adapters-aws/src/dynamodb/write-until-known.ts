import { setTimeout as delay } from 'node:timers/promises';
import { AwsError, throwAwsError } from '../aws-error.ts';
import { isPassing, refusalsOf, stillBusy, type Refusal } from './refusals.ts';

/**
 * Tries of one write, on top of the SDK's own, and after which time no other begins. With the client's time-out for the
 * last try and for reading back, an outcome is known within the launch lease.
 */
export const WRITE_LIMITS = { triesMax: 8, timeMaxMs: 10_000, pauseFirstMs: 25, pauseMaxMs: 1_000 } as const;

export type Pause = (ms: number) => Promise<void>;

/** A write that may be sent again, since it carries an id of its own and a condition. */
export type Write<Verdict> = {
  /** The SDK command without its ending, for errors. */
  operation: string;
  /** Resolves if the write was applied. */
  send(): Promise<unknown>;
  applied: Verdict;
  /** What refusals say about the outcome, or null. */
  judge(refusals: readonly Refusal[]): Verdict | null;
  /** Asks the table, consistently, what became of the write; null: not applied so far. */
  readBack(): Promise<Verdict | null>;
};

export const pauseByTimer: Pause = async (ms) => {
  await delay(ms);
};

/**
 * Sends a write until its outcome is known. What passes (a conflict, throttling, 5xx, a time-out) is tried again,
 * because a try whose answer was lost may have been applied or not; at the end the table itself is asked. Throws
 * AwsError if that does not tell either: then a last try may still be applied after the call.
 */
export async function writeUntilKnown<Verdict>(
  write: Write<Verdict>,
  pause: Pause,
  monotonicMs: () => number = () => performance.now(),
): Promise<Verdict> {
  const giveUpAtMs = monotonicMs() + WRITE_LIMITS.timeMaxMs;
  for (let tries = 1; ; tries += 1) {
    try {
      await write.send();
      return write.applied;
    } catch (error) {
      const verdict = write.judge(refusalsOf(error) ?? []);
      if (verdict !== null) return verdict;
      if (!isPassing(error)) throwAwsError(write.operation, error);
      if (tries >= WRITE_LIMITS.triesMax || monotonicMs() >= giveUpAtMs) {
        const found = await write.readBack();
        if (found !== null) return found;
        throw new AwsError(write.operation, stillBusy(error));
      }
    }
    await pause(pauseMs(tries));
  }
}

/** Doubles with every try, spread over its whole length: rivals for one item must not come back together. */
export function pauseMs(tries: number): number {
  const longest = Math.min(WRITE_LIMITS.pauseMaxMs, WRITE_LIMITS.pauseFirstMs * 2 ** (tries - 1));
  return longest * Math.random();
}
