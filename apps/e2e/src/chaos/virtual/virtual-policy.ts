/** How long anything waits while tasks are rows; the worker and its test share it. */
import { LOCAL_POLICY, type JobPolicy } from '@bpi/jobs';

/** The local one with less patience: a run has minutes, and its jobs are to live through all of it. */
export const VIRTUAL_POLICY: JobPolicy = {
  ...LOCAL_POLICY,
  launchLeaseMs: 1_000,
  launchWindowMs: 8_000,
  taskGoneAfterMs: 2_000,
  stopEscalationMs: 3_000,
  taskKeptMs: 12_000,
  backoffBaseMs: 100,
  backoffMaxMs: 1_000,
};
