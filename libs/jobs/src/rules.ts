import type { JobRecord } from '@bpi/job-contract';
import { decide } from './decide.ts';
import type { JobPolicy } from './policy.ts';
import { readReport } from './report-reader.ts';
import { transition } from './transition.ts';

/** What `advance` obeys. A value, so that the protocol check can show what breaks when one rule is another. */
export type Rules = {
  decide: typeof decide;
  mayLaunch: typeof mayLaunch;
  readReport: typeof readReport;
  transition: typeof transition;
};

export const RULES: Rules = { decide, mayLaunch, readReport, transition };

/** Milliseconds of one process: `nowMs` of the wall's clock, the other two of its monotonic one. */
export type LaunchTimes = { nowMs: number; monotonicMs: number; loadedAtMs: number };

/**
 * The lease is judged by this process's own monotonic clock right before the call: whoever stalled since it
 * loaded the record must not launch, because others may have counted it out meanwhile.
 */
export function mayLaunch(job: JobRecord, times: LaunchTimes, policy: JobPolicy): boolean {
  const { attempt } = job;
  if (attempt === null || attempt.intent !== null || job.cancelRequestedAtMs !== null) return false;
  if (times.nowMs - attempt.claimedAtMs >= policy.launchWindowMs) return false;
  return times.monotonicMs - times.loadedAtMs < policy.launchLeaseMs;
}
