import type { WaitingFor } from '@bpi/job-contract';
import type { Observation, StopCause } from '@bpi/jobs';
import { exitCodeOf, hasRun, startTroubleOf } from './container-trouble.ts';
import { containerOf, isStopped, type EcsTask } from './ecs-task.ts';
import { stopCauseOf } from './stop-cause.ts';
import { TASK_CONTAINERS } from './task-layout.ts';

/**
 * An ECS task in the domain's words. Only STOPPED is stopped: while a task is DEACTIVATING, STOPPING or
 * DEPROVISIONING its containers may still write.
 */
export function observe(task: EcsTask): Exclude<Observation, { state: 'missing' }> {
  const ref = task.taskArn;
  const model = containerOf(task, TASK_CONTAINERS.model);
  if (isStopped(task)) {
    const exitCode = model === null ? null : exitCodeOf(model);
    return { state: 'stopped', ref, cause: stopCauseOf(task), exitCode };
  }
  if (model !== null && hasRun(model)) return { state: 'running', ref };
  const trouble = model === null ? null : startTroubleOf(model);
  // The agent starts no container a second time, so a trouble that passes ends this attempt too, and the next does better.
  const doomed: StopCause | null = trouble === 'passing' ? 'unknown' : trouble;
  return { state: 'pending', ref, waitingFor: waitingForOf(task), ...(doomed === null ? {} : { doomed }) };
}

/** What a model that has not run yet waits for. ECS does not tell a pull from a start: it is a pull nearly always. */
function waitingForOf(task: EcsTask): WaitingFor {
  if (task.lastStatus === 'PROVISIONING') return 'capacity';
  const stageIn = containerOf(task, TASK_CONTAINERS.stageIn);
  const model = containerOf(task, TASK_CONTAINERS.model);
  if (stageIn?.lastStatus === 'RUNNING') return 'input';
  if (task.lastStatus !== 'PENDING' && task.lastStatus !== 'ACTIVATING') return 'start';
  const stageInFailed = stageIn?.lastStatus === 'STOPPED' && stageIn.exitCode !== 0;
  return stageInFailed || model?.lastStatus === 'STOPPED' ? 'start' : 'image';
}
