export { advance, type AdvanceContext, type Advanced } from './advance.ts';
export { cancelJob, type CancelResult } from './cancel.ts';
export { Catalogue } from './catalogue.ts';
export { censusOf } from './census.ts';
export { systemClock, type Clock } from './clock.ts';
export { classify, type Outcome } from './classify.ts';
export { decide, type Sight, type Step } from './decide.ts';
export { deleteJob, type DeleteResult } from './delete.ts';
export { expire, EXPIRY_LIMITS, expireJob, type Expired, type ExpireContext, type ExpireRound } from './expire.ts';
export { dueAtMs, expiryOf, isExpired, isGone, type Expiry } from './expiry.ts';
export { CLEAN_LIMITS, removeForgottenInputs, type Cleaned } from './forgotten-inputs.ts';
export { removeForgottenTasks } from './forgotten-tasks.ts';
export type { JobEvent } from './job-event.ts';
export { markOf, markOfVersion } from './job-mark.ts';
export { fillPage, type Candidate } from './list-jobs.ts';
export { erasureDue, isActive, newJob, projectionDue, type NewJob } from './new-job.ts';
export { assertPolicy, AWS_POLICY, LOCAL_POLICY, type JobPolicy } from './policy.ts';
export type { Clients } from './ports/clients.ts';
export type { Delivery, JobQueue } from './ports/job-queue.ts';
export type {
  Census,
  CreateResult,
  DuePosition,
  IdempotencyClaim,
  JobPage,
  JobPosition,
  JobStore,
  ListAsk,
  Room,
  SaveResult,
  StoredJob,
} from './ports/job-store.ts';
export {
  isSettledFile,
  ObjectNotFound,
  type ByteRange,
  type ObjectBody,
  type ObjectInfo,
  type ObjectStore,
  type PutResult,
  type SettledFile,
} from './ports/object-store.ts';
export type {
  LaunchResult,
  ListedTask,
  Observation,
  StopCause,
  TaskEvent,
  TaskId,
  TaskRunner,
  TaskSpec,
} from './ports/task-runner.ts';
export { project } from './project.ts';
export { readReport, readText } from './report-reader.ts';
export { mayLaunch, RULES, type LaunchTimes, type Rules } from './rules.ts';
export { submitJob, type Submission, type SubmitResult } from './submit.ts';
export {
  dueLeftovers,
  isOrphan,
  removeLeftovers,
  stopOrphans,
  sweep,
  sweepJob,
  SWEEP_LIMITS,
  type Leftover,
  type Swept,
  type SweepPosition,
  type SweepRound,
} from './sweep.ts';
export { assertChange, IllegalTransition, transition, type Change } from './transition.ts';
