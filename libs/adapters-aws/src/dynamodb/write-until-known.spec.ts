import { describe, expect, it } from '@jest/globals';
import { pauseMs, WRITE_LIMITS, writeUntilKnown, type Write } from './write-until-known.ts';

const error = (name: string) => Object.assign(new Error(), { name });
const CONFLICT = error('TransactionConflictException');

/** A write whose tries end as given, the last way over and over; null = applied. */
function aWrite(
  tries: readonly (Error | null)[],
  found: string | null = null,
): { sent: () => number; write: Write<string> } {
  let sent = 0;
  return {
    sent: () => sent,
    write: {
      operation: 'UpdateItem',
      applied: 'saved',
      send: async () => {
        const failure = tries[Math.min(sent, tries.length - 1)];
        sent += 1;
        if (failure) throw failure;
      },
      judge: () => null,
      readBack: async () => found,
    },
  };
}

/** Waits for nothing and notes how long it would have. */
function aPause(): { paused: number[]; pause: (ms: number) => Promise<void> } {
  const paused: number[] = [];
  return {
    paused,
    pause: async (ms) => {
      paused.push(ms);
    },
  };
}

describe('writeUntilKnown', () => {
  it.each(['TransactionConflictException', 'TimeoutError', 'ThrottlingException', 'TransactionInProgressException'])(
    'tries again after %s, with a pause between',
    async (name) => {
      const { write, sent } = aWrite([error(name), error(name), null]);
      const { pause, paused } = aPause();
      expect(await writeUntilKnown(write, pause)).toBe('saved');
      expect(sent()).toBe(3);
      expect(paused).toHaveLength(2);
    },
  );

  it('asks the table when the tries are used up', async () => {
    const { write, sent } = aWrite([CONFLICT], 'stale');
    expect(await writeUntilKnown(write, aPause().pause)).toBe('stale');
    expect(sent()).toBe(WRITE_LIMITS.triesMax);
  });

  it('asks the table when the time is over, however few the tries', async () => {
    const { write, sent } = aWrite([CONFLICT], 'stale');
    let nowMs = 0;
    const pause = async () => {
      nowMs += WRITE_LIMITS.timeMaxMs / 2;
    };
    expect(await writeUntilKnown(write, pause, () => nowMs)).toBe('stale');
    expect(sent()).toBe(3);
  });

  it('raises an error that may be retried when the table does not tell either', async () => {
    for (const name of ['TransactionConflictException', 'TimeoutError']) {
      const { write } = aWrite([error(name)]);
      await expect(writeUntilKnown(write, aPause().pause)).rejects.toMatchObject({
        name: 'AwsError',
        code: name,
        retryable: true,
      });
    }
  });

  it('raises at once what does not pass', async () => {
    const { write, sent } = aWrite([error('ValidationException')], 'saved');
    await expect(writeUntilKnown(write, aPause().pause)).rejects.toMatchObject({
      name: 'AwsError',
      code: 'ValidationException',
      retryable: false,
    });
    expect(sent()).toBe(1);
  });

  it('believes a refusal that says the outcome', async () => {
    const { write, sent } = aWrite([CONFLICT]);
    const judged = { ...write, judge: () => 'full' };
    expect(await writeUntilKnown(judged, aPause().pause)).toBe('full');
    expect(sent()).toBe(1);
  });

  it('pauses longer with every try, up to a limit', () => {
    for (let tries = 1; tries <= 2 * WRITE_LIMITS.triesMax; tries += 1) {
      const longest = Math.min(WRITE_LIMITS.pauseFirstMs * 2 ** (tries - 1), WRITE_LIMITS.pauseMaxMs);
      expect(pauseMs(tries)).toBeLessThanOrEqual(longest);
    }
  });
});
