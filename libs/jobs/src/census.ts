import { isTerminal, type JobRecord } from '@bpi/job-contract';
import type { Census } from './ports/job-store.ts';

/** For stores that count by reading: what these jobs amount to. */
export function censusOf(jobs: readonly Pick<JobRecord, 'phase' | 'createdAtMs'>[]): Census {
  const census: Census = { queued: 0, launching: 0, running: 0, oldestQueuedAtMs: null };
  for (const { phase, createdAtMs } of jobs) {
    if (isTerminal(phase)) continue;
    census[phase] += 1;
    if (phase === 'queued') census.oldestQueuedAtMs = Math.min(census.oldestQueuedAtMs ?? Infinity, createdAtMs);
  }
  return census;
}
