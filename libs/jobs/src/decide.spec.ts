import {
  attemptArtifactKey,
  FAILURE_CODES,
  LIMITS,
  PHASES,
  type AttemptReport,
  type FailureCode,
  type JobRecord,
  type Manifest,
} from '@bpi/job-contract';
import { describe, expect, it } from '@jest/globals';
import { aJob, aLaunchingJob, anAttempt, aRunningJob, JOB_ID, POLICY } from './a-job.ts';
import { decide, type Sight, type Step } from './decide.ts';
import type { JobEvent } from './job-event.ts';
import type { Observation, StopCause } from './ports/task-runner.ts';
import { transition } from './transition.ts';

const NOW_MS = 12_000;

const manifest: Manifest = [
  {
    name: 'pred_mask.npz',
    key: attemptArtifactKey(JOB_ID, 1, 'pred_mask.npz'),
    bytes: 1,
    sha256: '1'.repeat(64),
    media_type: 'application/octet-stream',
  },
];
const stored: AttemptReport = { schema_version: 1, job_id: JOB_ID, epoch: 1, result: 'stored', manifest };
const failed = (code: FailureCode): AttemptReport => {
  return { schema_version: 1, job_id: JOB_ID, epoch: 1, result: 'failed', code, detail: 'why', exit_code: null };
};

const missing: Observation = { state: 'missing' };
const pending: Observation = { state: 'pending', ref: 'task', waitingFor: 'image' };
const running: Observation = { state: 'running', ref: 'task' };
const stopped = (cause: StopCause = 'exited', exitCode: number | null = 0): Observation => {
  return { state: 'stopped', ref: 'task', cause, exitCode };
};

function step(
  job: JobRecord,
  observation: Observation | null,
  report: AttemptReport | null = null,
  nowMs = NOW_MS,
): Step {
  return decide(job, { observation, report }, nowMs, POLICY);
}

const waits = (note: Extract<Step, { step: 'wait' }>['note'], untilMs: number | null): Step => ({
  step: 'wait',
  note,
  untilMs,
});
const seen = { kind: 'seen', task: 'task', waitsForCapacity: false } as const;
const cancelled = { cancelRequestedAtMs: 11_500 };
const intent = (code: FailureCode, atMs = 11_900): { intent: { code: FailureCode; atMs: number } } => ({
  intent: { code, atMs },
});

describe('decide about a queued job', () => {
  it.each<[string, JobRecord, Step]>([
    ['claims it', aJob(), { step: 'claim', pool: 'cpu' }],
    ['waits for its backoff', aJob({ notBeforeMs: NOW_MS + 1 }), waits(null, NOW_MS + 1)],
    ['fails it when cancelled', aJob(cancelled), { step: 'fail', code: 'cancelled' }],
    [
      'fails it at the start deadline',
      aJob({ startDeadlineAtMs: NOW_MS }),
      { step: 'fail', code: 'deadline_exceeded' },
    ],
    [
      'fails it at the total deadline',
      aJob({ totalDeadlineAtMs: NOW_MS }),
      { step: 'fail', code: 'deadline_exceeded' },
    ],
    [
      'forgets the start deadline once it ran',
      aJob({ startDeadlineAtMs: NOW_MS, firstRunningAtMs: 2_000 }),
      { step: 'claim', pool: 'cpu' },
    ],
  ])('%s', (_, job, expected) => {
    expect(step(job, null)).toEqual(expected);
  });
});

describe('decide about an attempt in flight', () => {
  it.each<[string, JobRecord, Observation, Step]>([
    ['launches a claimed task that is nowhere', aLaunchingJob(), missing, { step: 'launch' }],
    ['notes a task that turned up', aLaunchingJob(), pending, waits(seen, null)],
    ['waits for a known pending task', aLaunchingJob({ task: 'task' }), pending, waits(null, null)],
    ['marks a job running', aLaunchingJob(), running, { step: 'markRunning', task: 'task' }],
    ['waits for the end of a running one', aRunningJob(), running, waits(null, 71_000)],
    ['notes that a task came back', aRunningJob({ missingSinceMs: 11_800 }), running, waits(seen, 71_000)],
    ['notes that a known task is missing', aRunningJob(), missing, waits({ kind: 'missing' }, NOW_MS + 500)],
    ['waits while it may come back', aRunningJob({ missingSinceMs: 11_501 }), missing, waits(null, 12_001)],
    ['ends it when cancelled', aRunningJob({}, cancelled), running, { step: 'intend', code: 'cancelled' }],
    [
      'ends it at its timeout',
      aRunningJob({ deadlineAtMs: NOW_MS }),
      running,
      { step: 'intend', code: 'attempt_timeout' },
    ],
    [
      'ends it at the total deadline',
      aRunningJob({}, { totalDeadlineAtMs: NOW_MS }),
      running,
      { step: 'intend', code: 'deadline_exceeded' },
    ],
    [
      'ends it at the start deadline',
      aLaunchingJob({}, { startDeadlineAtMs: NOW_MS }),
      pending,
      { step: 'intend', code: 'deadline_exceeded' },
    ],
    [
      'ends it after the launch window',
      aLaunchingJob({ claimedAtMs: 7_000 }),
      missing,
      { step: 'intend', code: 'platform_error' },
    ],
    [
      'ends it after too many failed launches',
      aLaunchingJob({ dispatchFailures: 3 }),
      missing,
      { step: 'intend', code: 'platform_error' },
    ],
    ['asks again to stop', aRunningJob(intent('cancelled')), running, { step: 'stop', mode: 'ask', note: null }],
    [
      'stops harder after a while',
      aRunningJob(intent('cancelled', 11_000)),
      running,
      { step: 'stop', mode: 'force', note: null },
    ],
    [
      'stops and records a late task',
      aLaunchingJob(intent('cancelled')),
      pending,
      { step: 'stop', mode: 'ask', note: seen },
    ],
  ])('%s', (_, job, observation, expected) => {
    expect(step(job, observation)).toEqual(expected);
  });

  it('never takes a task that was not recorded for gone before an intent', () => {
    const job = aLaunchingJob({ missingSinceMs: 10_000 });
    expect(step(job, missing)).toEqual({ step: 'launch' });
  });

  it('counts an unrecorded task out only long enough after the intent', () => {
    const job = aLaunchingJob({ missingSinceMs: 11_000, ...intent('cancelled', 11_600) });
    expect(step(job, missing)).toEqual(waits(null, 12_100));
    expect(step(job, missing, null, 12_100)).toEqual({ step: 'fail', code: 'cancelled' });
  });
});

describe('decide about a task that is gone', () => {
  it('publishes what was stored, also when the runner forgot the task', () => {
    expect(step(aRunningJob(), stopped(), stored)).toEqual({ step: 'publish', manifest });
    expect(step(aRunningJob(), stopped('unknown', null), stored)).toEqual({ step: 'publish', manifest });
    expect(step(aRunningJob({ missingSinceMs: 11_500 }), missing, stored)).toEqual({ step: 'publish', manifest });
  });

  it('publishes a success that was seen before any intent although a deadline passed', () => {
    const late = { totalDeadlineAtMs: NOW_MS };
    expect(step(aRunningJob({ deadlineAtMs: NOW_MS }, late), stopped(), stored)).toEqual({ step: 'publish', manifest });
    expect(step(aRunningJob({}, late), missing, stored)).toEqual(waits({ kind: 'missing' }, NOW_MS + 500));
  });

  it('brings an attempt home of which only the report is left: a launch would never get through', () => {
    const job = aLaunchingJob({ claimedAtMs: 0 });
    expect(step(job, missing, stored)).toEqual(waits({ kind: 'missing' }, NOW_MS + 500));
    const noted = aLaunchingJob({ claimedAtMs: 0, missingSinceMs: 11_500 });
    expect(step(noted, missing, stored)).toEqual({ step: 'publish', manifest });
    expect(step(noted, missing, failed('model_error'))).toEqual({ step: 'fail', code: 'model_error' });
  });

  it('classifies all that is seen after an intent by the intent', () => {
    expect(step(aRunningJob(intent('attempt_timeout')), stopped(), stored)).toEqual({
      step: 'fail',
      code: 'attempt_timeout',
    });
    expect(step(aRunningJob({}, cancelled), stopped(), stored)).toEqual({ step: 'fail', code: 'cancelled' });
  });

  /** The design's outcome table: what follows while budgets last. */
  const THEN: Record<FailureCode, 'fail' | 'retry'> = {
    invalid_input: 'fail',
    model_error: 'fail',
    out_of_memory: 'fail',
    invalid_output: 'fail',
    attempt_timeout: 'fail',
    capacity_interrupted: 'retry',
    capacity_unavailable: 'retry',
    model_unavailable: 'fail',
    platform_error: 'retry',
    cancelled: 'fail',
    deadline_exceeded: 'fail',
  };

  it.each(FAILURE_CODES)('follows the outcome table: %s', (code) => {
    const expected: Step =
      THEN[code] === 'fail' ? { step: 'fail', code } : { step: 'retry', code, notBeforeMs: NOW_MS + 200, shrink: 'no' };
    expect(step(aRunningJob(), stopped(), failed(code))).toEqual(expected);
  });

  it.each(['platform', 'capacity', 'interrupted'] as const)(
    'fails when the budget for %s retries is used up',
    (cause) => {
      const code = (
        { platform: 'platform_error', capacity: 'capacity_unavailable', interrupted: 'capacity_interrupted' } as const
      )[cause];
      const used = { platform: 0, capacity: 0, interrupted: 0, shrunk: 0, [cause]: POLICY.retriesMax[cause] };
      expect(step(aRunningJob({}, { retries: used }), stopped(), failed(code))).toEqual({ step: 'fail', code });
    },
  );

  it('doubles the backoff up to its limit', () => {
    const ended = { epoch: 1, claimedAtMs: 1, startedAtMs: null, pool: 'cpu', endedAtMs: 2, code: null };
    const after = (earlier: number): Step =>
      step(
        aRunningJob({}, { endedAttempts: Array.from({ length: earlier }, () => ended) }),
        stopped('interrupted', null),
      );
    const at = (ms: number): Step => ({
      step: 'retry',
      code: 'capacity_interrupted',
      notBeforeMs: NOW_MS + ms,
      shrink: 'no',
    });
    expect([after(0), after(1), after(2), after(3)]).toEqual([at(200), at(400), at(800), at(1_000)]);
  });

  it('retries once with smaller settings after running out of memory, if the model has such', () => {
    const gone = stopped('out_of_memory', 137);
    const retry: Step = { step: 'retry', code: 'out_of_memory', notBeforeMs: NOW_MS, shrink: 'yes' };
    expect(step(aRunningJob({}, { canShrink: true }), gone)).toEqual(retry);
    const again = { canShrink: true, retries: { platform: 0, capacity: 0, interrupted: 0, shrunk: 1 } };
    expect(step(aRunningJob({}, again), gone)).toEqual({ step: 'fail', code: 'out_of_memory' });
  });

  it('does not retry past a deadline or past the last attempt', () => {
    const gone = stopped('interrupted', null);
    expect(step(aRunningJob({}, { totalDeadlineAtMs: NOW_MS }), gone)).toEqual({
      step: 'fail',
      code: 'deadline_exceeded',
    });
    expect(step(aRunningJob({ epoch: LIMITS.attemptsMax }), gone)).toEqual({
      step: 'fail',
      code: 'capacity_interrupted',
    });
  });
});

describe('decide about where to run', () => {
  const onSpot = (change: Partial<JobRecord> = {}) => step(aJob({ pool: 'spot', ...change }), null);
  const retries = { platform: 0, capacity: 0, interrupted: 0, shrunk: 0 };

  it('claims in the job’s own pool, and in the steadier one after two setbacks', () => {
    expect(onSpot()).toEqual({ step: 'claim', pool: 'spot' });
    expect(onSpot({ retries: { ...retries, interrupted: 1 } })).toEqual({ step: 'claim', pool: 'spot' });
    expect(onSpot({ retries: { ...retries, interrupted: 2 } })).toEqual({ step: 'claim', pool: 'steady' });
    expect(onSpot({ retries: { ...retries, interrupted: 1, capacity: 1 } })).toEqual({ step: 'claim', pool: 'steady' });
    expect(onSpot({ retries: { ...retries, platform: 2 } })).toEqual({ step: 'claim', pool: 'spot' });
  });

  it('claims in the steadier pool when the deadline is near', () => {
    expect(onSpot({ startDeadlineAtMs: NOW_MS + 5_000 })).toEqual({ step: 'claim', pool: 'spot' });
    expect(onSpot({ startDeadlineAtMs: NOW_MS + 4_999 })).toEqual({ step: 'claim', pool: 'steady' });
  });

  it('keeps a pool that has no steadier one', () => {
    expect(step(aJob({ retries: { ...retries, interrupted: 2 } }), null)).toEqual({ step: 'claim', pool: 'cpu' });
  });
});

describe('decide about a start that does not come', () => {
  const job = aLaunchingJob({ task: 'task' });
  const capacity: Observation = { state: 'pending', ref: 'task', waitingFor: 'capacity' };
  const at = (observation: Observation, agoMs: number) => step(job, observation, null, 10_000 + agoMs);

  it('notes that the task waits for a machine, and that it has one', () => {
    const waiting = { kind: 'seen', task: 'task', waitsForCapacity: true } as const;
    expect(at(capacity, 100)).toEqual(waits(waiting, null));
    const known = aLaunchingJob({ task: 'task', waitsForCapacity: true });
    expect(step(known, capacity, null, 10_100)).toEqual(waits(null, null));
    expect(step(known, pending, null, 10_100)).toEqual(waits(seen, null));
  });

  it('gives a task up that waits for a machine too long, and only for that', () => {
    expect(at(capacity, 1_999)).toMatchObject({ step: 'wait' });
    expect(at(capacity, 2_000)).toEqual({ step: 'intend', code: 'capacity_unavailable' });
    expect(at(pending, 2_000)).toMatchObject({ step: 'wait' });
  });

  it('gives a task up that takes longer to start than any does', () => {
    expect(at(pending, 29_999)).toMatchObject({ step: 'wait' });
    expect(at(pending, 30_000)).toEqual({ step: 'intend', code: 'platform_error' });
  });

  it('ends a task at once that can never start', () => {
    expect(at({ ...pending, doomed: 'image_unavailable' }, 1)).toEqual({ step: 'intend', code: 'model_unavailable' });
  });

  it.each([1, 2, 20])('makes %i retries for lack of capacity last until the deadline', (capacity) => {
    const policy = { ...POLICY, retriesMax: { ...POLICY.retriesMax, capacity } };
    let current = aJob({ pool: 'steady' });
    let nowMs = 2_000;
    for (let tries = 0; tries < capacity; tries += 1) {
      const claim: JobEvent = { type: 'claimed', pool: 'steady', definition: null, atMs: nowMs };
      const gone = decide(
        transition(current, claim).after,
        { observation: stopped('no_capacity', null), report: null },
        nowMs,
        policy,
      );
      if (gone.step !== 'retry') throw new Error(`the job ended early: ${JSON.stringify(gone)}`);
      const claimed = transition(current, claim).after;
      current = transition(claimed, { ...gone, type: 'retried', atMs: nowMs }).after;
      nowMs = gone.notBeforeMs;
      if (nowMs >= current.startDeadlineAtMs) break;
    }
    expect(step(current, null, null, nowMs)).toEqual({ step: 'fail', code: 'deadline_exceeded' });
  });
});

describe('decide in every combination', () => {
  it('answers a step that transition accepts, or one that changes nothing', () => {
    let combinations = 0;
    for (const job of everyJob()) {
      for (const sight of everySight(job)) {
        combinations += 1;
        const taken = decide(job, sight, NOW_MS, POLICY);
        for (const event of eventsOf(taken, job)) expect(() => transition(job, event)).not.toThrow();
      }
    }
    expect(combinations).toBeGreaterThan(5_000);
  });

  it('never claims, launches or publishes once a cancellation is saved', () => {
    for (const job of everyJob()) {
      if (job.cancelRequestedAtMs === null) continue;
      for (const sight of everySight(job)) {
        expect(['claim', 'launch', 'publish']).not.toContain(decide(job, sight, NOW_MS, POLICY).step);
      }
    }
  });
});

function* everyJob(): Generator<JobRecord> {
  const times = [null, 10_900, 11_900];
  for (const phase of PHASES) {
    for (const cancelRequestedAtMs of [null, 11_000]) {
      for (const totalDeadlineAtMs of [NOW_MS, 1_000_000]) {
        for (const task of [null, 'task']) {
          for (const intendedAtMs of times) {
            for (const missingSinceMs of times) {
              for (const claimedAtMs of [1_000, 11_990]) {
                const intended =
                  intendedAtMs === null ? null : ({ code: 'attempt_timeout', atMs: intendedAtMs } as const);
                const attempt = anAttempt({ task, intent: intended, missingSinceMs, claimedAtMs });
                yield aJob({ phase, cancelRequestedAtMs, totalDeadlineAtMs, attempt });
              }
            }
          }
        }
      }
    }
  }
}

function everySight(job: JobRecord): Sight[] {
  if (job.phase !== 'launching' && job.phase !== 'running') return [{ observation: null, report: null }];
  const gone = [missing, stopped(), stopped('exited', 1), stopped('interrupted', null), stopped('unknown', null)];
  const reports = [null, stored, failed('model_error'), failed('platform_error')];
  const over = gone.flatMap((observation) => reports.map((report) => ({ observation, report })));
  return [{ observation: pending, report: null }, { observation: running, report: null }, ...over];
}

/** What `advance` saves for a step. */
function eventsOf(taken: Step, job: JobRecord): JobEvent[] {
  const atMs = NOW_MS;
  switch (taken.step) {
    case 'claim':
      return [{ type: 'claimed', pool: 'cpu', definition: null, atMs }];
    case 'launch':
      return [
        { type: 'taskSeen', task: 'task', waitsForCapacity: false },
        { type: 'dispatchFailed' },
        { type: 'intended', code: 'platform_error', atMs },
      ];
    case 'wait':
    case 'stop':
      if (taken.note === null) return [];
      return [
        taken.note.kind === 'seen'
          ? { type: 'taskSeen', task: taken.note.task, waitsForCapacity: false }
          : { type: 'taskMissing', atMs },
      ];
    case 'markRunning':
      return [{ type: 'started', task: taken.task, atMs }];
    case 'intend':
      return [{ type: 'intended', code: taken.code, atMs }];
    case 'publish':
      return [{ type: 'published', manifest: taken.manifest, atMs }];
    case 'retry':
      return [{ ...taken, type: 'retried', atMs }];
    case 'fail':
      return [{ type: 'failed', code: taken.code, atMs }];
    case 'project':
      return [{ type: 'projected', atVersion: job.endedVersion ?? 0 }];
    case 'erase':
      return [{ type: taken.then, atMs }];
  }
}
