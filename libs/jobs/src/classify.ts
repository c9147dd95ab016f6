import type { AttemptReport, FailureCode, Manifest } from '@bpi/job-contract';
import { failureOfExit } from '@bpi/job-contract';
import type { Observation, StopCause } from './ports/task-runner.ts';

/** What an attempt whose task is gone came to. */
export type Outcome = { result: 'succeeded'; manifest: Manifest } | { result: 'failed'; code: FailureCode };

/** A task that is gone: seen stopped, or missing for so long that it cannot come back. */
export type GoneTask = Extract<Observation, { state: 'stopped' | 'missing' }>;

/**
 * The one place that judges. A valid report of this epoch counts even when the runner has forgotten the exit
 * code; without one, a missing exit code is a fault of the platform and never a success.
 */
export function classify(gone: GoneTask, report: AttemptReport | null): Outcome {
  if (report !== null) {
    return report.result === 'stored'
      ? { result: 'succeeded', manifest: report.manifest }
      : { result: 'failed', code: report.code };
  }
  if (gone.state === 'missing') return { result: 'failed', code: 'platform_error' };
  return { result: 'failed', code: failureOfStop(gone.cause, gone.exitCode) };
}

/** What a task that stopped without a report came to. */
export function failureOfStop(cause: StopCause, exitCode: number | null): FailureCode {
  switch (cause) {
    case 'out_of_memory':
      return 'out_of_memory';
    case 'interrupted':
      return 'capacity_interrupted';
    case 'no_capacity':
      return 'capacity_unavailable';
    case 'image_unavailable':
    case 'device_unavailable':
      return 'model_unavailable';
    case 'stop_requested':
    case 'unknown':
      return 'platform_error';
    case 'exited':
      // Exit 0 without a report means that the stager never finished: nothing was stored, so no success.
      return exitCode === null ? 'platform_error' : (failureOfExit({ exitCode, oomKilled: false }) ?? 'platform_error');
  }
}
