import { describe, expect, it } from '@jest/globals';
import type { StagerMessage } from '@bpi/adapters-aws';
import { createLog, type JobId } from '@bpi/job-contract';
import { ProgressSender, SEND_LIMITS } from './progress-sender.ts';

const ATTEMPT = { jobId: '6f1c1f0e-6f0a-4c58-9a52-0d8a3c1f2b3e' as JobId, epoch: 2 };
const NEVER = new AbortController().signal;

function senderBench(send: (signal: AbortSignal) => Promise<void> = async () => {}) {
  let nowMs = 0;
  const sent: { atMs: number; message: StagerMessage }[] = [];
  const logged: string[] = [];
  const sender = new ProgressSender({
    attempt: ATTEMPT,
    send: async (message, signal) => {
      sent.push({ atMs: nowMs, message });
      await send(signal);
    },
    clock: { monotonicMs: () => nowMs },
    log: createLog(
      (line) => logged.push(line),
      () => 0,
    ),
  });
  /** Four ticks a second, as stage-out does. */
  const pass = async (ms: number, each: () => void = () => {}) => {
    for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 250) {
      each();
      await sender.tick(NEVER);
    }
  };
  return { sender, sent, logged, pass };
}
const progress = (fraction: number) => ({ fraction, step: 'work' });

describe('what the worker is told of an attempt', () => {
  it('is the newest progress, once a second at most', async () => {
    const { sender, sent, pass } = senderBench();
    let fraction = 0;
    await pass(10_000, () => sender.note(progress((fraction += 0.01))));
    expect(sent).toHaveLength(10);
    const gaps = sent.slice(1).map(({ atMs }, index) => atMs - (sent[index]?.atMs ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(SEND_LIMITS.intervalMs);
    expect(sent[1]?.message).toEqual({ kind: 'progress', ...ATTEMPT, fraction: expect.closeTo(0.05), step: 'work' });
  });

  it('is not said twice', async () => {
    const { sender, sent, pass } = senderBench();
    await pass(30_000, () => sender.note(progress(0.5)));
    expect(sent).toHaveLength(1);
    sender.note({ fraction: 0.5, step: 'other' });
    await pass(1_000);
    expect(sent).toHaveLength(2);
  });

  it('is a heartbeat when there was nothing else for a minute', async () => {
    const { sender, sent, pass } = senderBench();
    await pass(30_000);
    sender.note(progress(0.5));
    await pass(150_000);
    expect(sent.map(({ atMs, message }) => [atMs, message.kind])).toEqual([
      [30_000, 'progress'],
      [90_000, 'heartbeat'],
      [150_000, 'heartbeat'],
    ]);
    expect(sent[1]?.message).toEqual({ kind: 'heartbeat', ...ATTEMPT });
  });

  it('is a heartbeat at once when the worker should look', async () => {
    const { sender, sent, pass } = senderBench();
    sender.wake();
    await pass(10_000);
    expect(sent.map(({ atMs }) => atMs)).toEqual([0]);
  });

  it('is tried again while it cannot be sent, and logged once a minute', async () => {
    let broken = true;
    const { sender, sent, logged, pass } = senderBench(async () => {
      if (broken) throw new Error('a text that may quote anything');
    });
    sender.note(progress(0.5));
    await pass(61_000);
    expect(sent).toHaveLength(61);
    expect(logged).toHaveLength(2);
    expect(logged[0]).toContain('"loop":"task-events"');
    expect(logged[0]).not.toContain('quote');
    broken = false;
    await pass(30_000);
    expect(sent).toHaveLength(62);
  });

  it('waits for the one before it, and takes the newest then', async () => {
    let release = () => {};
    let held = true;
    const { sender, sent, pass } = senderBench(async () => {
      if (held) await new Promise<void>((settle) => (release = settle));
    });
    sender.note(progress(0.1));
    const first = sender.tick(NEVER);
    sender.note(progress(0.2));
    await sender.tick(NEVER);
    expect(sent).toHaveLength(1);
    held = false;
    release();
    await first;
    sender.note(progress(0.3));
    await pass(2_000);
    expect(sent.map(({ message }) => message)).toMatchObject([{ fraction: 0.1 }, { fraction: 0.3 }]);
  });

  it('ends with the signal, without a word', async () => {
    const stop = new AbortController();
    const { sender, sent, logged } = senderBench(async (signal) => {
      stop.abort();
      signal.throwIfAborted();
    });
    sender.wake();
    await sender.tick(stop.signal);
    await sender.tick(stop.signal);
    expect(sent).toHaveLength(1);
    expect(logged).toEqual([]);
  });
});
