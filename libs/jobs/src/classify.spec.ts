import {
  attemptArtifactKey,
  FAILURE_CODES,
  type AttemptReport,
  type FailureCode,
  type Manifest,
} from '@bpi/job-contract';
import { describe, expect, it } from '@jest/globals';
import { JOB_ID } from './a-job.ts';
import { classify, type GoneTask } from './classify.ts';
import type { StopCause } from './ports/task-runner.ts';

const manifest: Manifest = [
  {
    name: 'preview.png',
    key: attemptArtifactKey(JOB_ID, 1, 'preview.png'),
    bytes: 1,
    sha256: '1'.repeat(64),
    media_type: 'image/png',
  },
];
const report = { schema_version: 1, job_id: JOB_ID, epoch: 1 } as const;
const stored: AttemptReport = { ...report, result: 'stored', manifest };
const stopped = (cause: StopCause, exitCode: number | null): GoneTask => ({
  state: 'stopped',
  ref: 'task',
  cause,
  exitCode,
});

const WITHOUT_REPORT: readonly [StopCause, number | null, FailureCode][] = [
  ['exited', 0, 'platform_error'],
  ['exited', 1, 'model_error'],
  ['exited', 10, 'invalid_input'],
  ['exited', 11, 'out_of_memory'],
  ['exited', 12, 'model_unavailable'],
  ['exited', 13, 'model_unavailable'],
  ['exited', 137, 'platform_error'],
  ['exited', 143, 'platform_error'],
  ['exited', null, 'platform_error'],
  ['out_of_memory', 137, 'out_of_memory'],
  ['stop_requested', 143, 'platform_error'],
  ['interrupted', null, 'capacity_interrupted'],
  ['no_capacity', null, 'capacity_unavailable'],
  ['image_unavailable', null, 'model_unavailable'],
  ['device_unavailable', null, 'model_unavailable'],
  ['unknown', 0, 'platform_error'],
];

describe('classify', () => {
  it.each(WITHOUT_REPORT)('without a report: %s, exit %s is %s', (cause, exitCode, code) => {
    expect(classify(stopped(cause, exitCode), null)).toEqual({ result: 'failed', code });
  });

  it('takes a task that vanished without a report for a fault of the platform', () => {
    expect(classify({ state: 'missing' }, null)).toEqual({ result: 'failed', code: 'platform_error' });
  });

  it('believes a stored report whatever the runner still knows', () => {
    for (const [cause, exitCode] of WITHOUT_REPORT) {
      expect(classify(stopped(cause, exitCode), stored)).toEqual({ result: 'succeeded', manifest });
    }
    expect(classify({ state: 'missing' }, stored)).toEqual({ result: 'succeeded', manifest });
  });

  it.each(FAILURE_CODES)('takes the code of a failed report: %s', (code) => {
    const failed: AttemptReport = { ...report, result: 'failed', code, detail: 'why', exit_code: 1 };
    expect(classify(stopped('exited', 0), failed)).toEqual({ result: 'failed', code });
  });
});
