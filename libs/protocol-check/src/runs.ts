import { oneJob, TINY_POLICY, type Bounds } from './bounds.ts';

/** A policy under which a job makes at most so many attempts: interruptions and platform faults have own budgets. */
function attempts(max: 1 | 2 | 3): Pick<Bounds, 'policy'> {
  const retriesMax = { platform: max > 1 ? 1 : 0, interrupted: max > 2 ? 1 : 0, capacity: 0 };
  return { policy: { ...TINY_POLICY, retriesMax } };
}

/**
 * What every test run explores, whole: two workers unless said, one of each trouble that is named. Troubles are
 * combined where one rule meets two of them; all at once are for one worker or one attempt.
 */
export const CI_RUNS: readonly Bounds[] = [
  oneJob('three attempts, no trouble', {}, attempts(3)),
  oneJob('two attempts: crash, forgotten task', { crashes: 1, forgets: 1 }, attempts(2)),
  oneJob('two attempts: stall', { stalls: 1 }, attempts(2)),
  oneJob('two attempts: cancel', { cancels: 1 }, attempts(2)),
  oneJob('two attempts: zombie', { zombies: 1 }, attempts(2)),
  oneJob('one attempt: crash, stall, cancel', { crashes: 1, stalls: 1, cancels: 1 }, attempts(1)),
  oneJob('one attempt: doubtful launch, stall', { throws: 1, stalls: 1 }, attempts(1)),
  oneJob('one attempt: refusal, stall', { refusals: 1, stalls: 1 }, attempts(1)),
  oneJob('one attempt: stubborn task, deadline, cancel', { stubborn: 1, deadlines: 1, cancels: 1 }, attempts(1)),
  oneJob(
    'three attempts, one worker: crash, forgotten task',
    { crashes: 1, forgets: 1 },
    { ...attempts(3), workers: 1 },
  ),
  oneJob(
    'two attempts, one worker: crash, cancel, stubborn, deadline',
    { crashes: 1, cancels: 1, stubborn: 1, deadlines: 1 },
    { ...attempts(2), workers: 1 },
  ),
  oneJob('one attempt: zombie, delete', { zombies: 1, deletes: 1 }, attempts(1)),
  oneJob('one attempt: crash, delete, late copy', { crashes: 1, deletes: 1, lateCopies: 1 }, attempts(1)),
  oneJob(
    'one attempt, one worker: crash, cancel, zombie, delete',
    { crashes: 1, cancels: 1, zombies: 1, deletes: 1 },
    { ...attempts(1), workers: 1 },
  ),
  oneJob('two attempts, one worker: crash, delete', { crashes: 1, deletes: 1 }, { ...attempts(2), workers: 1 }),
  oneJob('two jobs, one slot', {}, { ...attempts(1), jobs: 2 }),
  oneJob(
    'two jobs, one slot, one worker: crash, cancel',
    { crashes: 1, cancels: 1 },
    { ...attempts(1), jobs: 2, workers: 1 },
  ),
];

/** Minutes each, some gigabytes: run by hand after a change of a rule. */
export const LARGE_RUNS: readonly Bounds[] = [
  oneJob('three attempts: crash', { crashes: 1 }, attempts(3)),
  oneJob('three attempts, one worker: crash, zombie', { crashes: 1, zombies: 1 }, { ...attempts(3), workers: 1 }),
  oneJob('three attempts: cancel', { cancels: 1 }, attempts(3)),
  oneJob('three attempts: stall', { stalls: 1 }, attempts(3)),
  oneJob('two attempts: crash, stall', { crashes: 1, stalls: 1 }, attempts(2)),
  oneJob('one attempt: doubtful launch, refusal, stall', { throws: 1, refusals: 1, stalls: 1 }, attempts(1)),
  oneJob('two attempts: doubtful launch, refusal', { throws: 1, refusals: 1 }, attempts(2)),
  oneJob('two attempts: zombie, cancel', { zombies: 1, cancels: 1 }, attempts(2)),
  oneJob('one attempt: two stalls, crash', { stalls: 2, crashes: 1 }, attempts(1)),
  oneJob(
    'two attempts, one worker: what runners do',
    { stubborn: 1, zombies: 1, forgets: 1, throws: 1, refusals: 1 },
    { ...attempts(2), workers: 1 },
  ),
  oneJob('two attempts: delete', { deletes: 1 }, attempts(2)),
  oneJob('two attempts: zombie, delete', { zombies: 1, deletes: 1 }, attempts(2)),
  oneJob('one attempt: stall, delete, late copy', { stalls: 1, deletes: 1, lateCopies: 1 }, attempts(1)),
  oneJob('two jobs, one slot: delete', { deletes: 1 }, { ...attempts(1), jobs: 2 }),
  oneJob('two jobs, one slot: crash', { crashes: 1 }, { ...attempts(1), jobs: 2 }),
  oneJob(
    'two jobs, one slot, two attempts, one worker: crash',
    { crashes: 1 },
    { ...attempts(2), jobs: 2, workers: 1 },
  ),
].map((bounds) => ({ ...bounds, statesMax: 12_000_000 }));
