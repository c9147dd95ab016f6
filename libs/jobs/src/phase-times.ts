import { isTerminal } from '@bpi/job-contract';
import type { Change } from './transition.ts';

/**
 * How long a job was in the phase that this change ended, and how long it was there at all if it is over; milliseconds.
 * Times are those of several machines' clocks: none is below zero.
 */
export function phaseTimes({ before, after }: Pick<Change, 'before' | 'after'>, atMs: number): PhaseTimes {
  const phaseMs = Math.max(0, atMs - sinceMs(before));
  return isTerminal(after.phase) ? { phaseMs, totalMs: Math.max(0, atMs - before.createdAtMs) } : { phaseMs };
}

export type PhaseTimes = { phaseMs: number; totalMs?: number };

/** A queued job that had attempts waits since the last of them, its backoff included. */
function sinceMs({ phase, attempt, endedAttempts, createdAtMs }: Change['before']): number {
  if (phase === 'queued') return endedAttempts.at(-1)?.endedAtMs ?? createdAtMs;
  if (phase === 'running') return attempt?.startedAtMs ?? createdAtMs;
  return attempt?.claimedAtMs ?? createdAtMs;
}
