/** The jobs of the upgrade test: what each asks for, where the earlier build leaves it, and what has to come of it. */
import type { FailureCode } from '@bpi/job-contract';

type Plan = {
  /** Of `apps/e2e/models/echo`. */
  params: Record<string, unknown>;
  outcome: 'completed' | 'deleted' | FailureCode;
};

const mask = { behaviour: 'mask' };
const hang = { behaviour: 'hang' };
/** Longer than it takes to end one release and to start the next. */
const slow = { behaviour: 'slow', seconds: 6 };

/** Over before the earlier build is killed. */
export const ENDED_JOBS = {
  completed: { params: mask, outcome: 'completed' },
  'completed too': { params: { behaviour: 'noop' }, outcome: 'completed' },
  'completed after running out of memory': { params: { behaviour: 'oom_unless_small' }, outcome: 'completed' },
  'failed by its model': { params: { behaviour: 'exit', exit_code: 1 }, outcome: 'model_error' },
  'refused by its model': { params: { behaviour: 'exit', exit_code: 10 }, outcome: 'invalid_input' },
  'without its weights': { params: { behaviour: 'exit', exit_code: 12 }, outcome: 'model_unavailable' },
  'with a broken mask': { params: { behaviour: 'write_garbage' }, outcome: 'invalid_output' },
  'deleted after it was completed': { params: mask, outcome: 'deleted' },
} as const satisfies Record<string, Plan>;

/** Their containers run when the earlier build is killed, or have just been lost. */
export const RUNNING_JOBS = {
  running: { params: slow, outcome: 'completed' },
  'running too': { params: slow, outcome: 'completed' },
  'whose container was killed': { params: slow, outcome: 'completed' },
  'with a wish to be cancelled': { params: hang, outcome: 'cancelled' },
  'with a wish to be deleted': { params: hang, outcome: 'deleted' },
} as const satisfies Record<string, Plan>;

/** More than there are slots, behind those that run. */
export const WAITING_JOBS = {
  'cancelled while it waited': { params: mask, outcome: 'cancelled' },
  'waiting 1': { params: mask, outcome: 'completed' },
  'waiting 2': { params: { behaviour: 'noop' }, outcome: 'completed' },
  'waiting to fail': { params: { behaviour: 'exit', exit_code: 1 }, outcome: 'model_error' },
  'waiting to be refused': { params: { behaviour: 'exit', exit_code: 10 }, outcome: 'invalid_input' },
  'waiting to be retried': { params: { behaviour: 'oom_unless_small' }, outcome: 'completed' },
} as const satisfies Record<string, Plan>;

export type JobName = keyof typeof ENDED_JOBS | keyof typeof RUNNING_JOBS | keyof typeof WAITING_JOBS;
export const ALL_JOBS: Readonly<Record<JobName, Plan>> = { ...ENDED_JOBS, ...RUNNING_JOBS, ...WAITING_JOBS };
export const namesOf = <T extends Partial<Record<JobName, Plan>>>(jobs: T) =>
  Object.keys(jobs) as (keyof T & JobName)[];
