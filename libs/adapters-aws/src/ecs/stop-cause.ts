import type { StopCause } from '@bpi/jobs';
import { ranOutOfMemory, startTroubleOf } from './container-trouble.ts';
import { containerOf, type EcsTask } from './ecs-task.ts';
import { TASK_CONTAINERS } from './task-layout.ts';

/** The reasons that we give to StopTask; ECS shows them as `stoppedReason`, at most 255 characters. */
export const STOP_REASONS = {
  asked: 'bpi: the attempt is to end',
  interrupted: 'bpi: the Spot instance is about to be taken away',
} as const;

/** Stop codes of a machine that was taken away. The enumeration is that of the SDK's `TaskStopCode`. */
const INTERRUPTIONS: readonly (string | null)[] = ['SpotInterruption', 'TerminationNotice', 'InfrastructureHealth'];
const HOST_GONE = /^Host EC2 \(instance .*\) (terminated|stopped)/;
/** ECS's words for a task that found no place. */
const NO_PLACE = /^(RESOURCE|AGENT|ATTRIBUTE)\b|capacity|no container instance|unable to place/i;

const IN_ORDER = [TASK_CONTAINERS.stageIn, TASK_CONTAINERS.model, TASK_CONTAINERS.stageOut] as const;

/**
 * Why a STOPPED task stopped. The machine first: what its loss did to the containers is nobody's fault. Then our own
 * StopTask, then the first container in the order of the task that went wrong: what came after it is a consequence.
 */
export function stopCauseOf(task: EcsTask): StopCause {
  const { stopCode, stoppedReason } = task;
  if (INTERRUPTIONS.includes(stopCode) || HOST_GONE.test(stoppedReason ?? '')) return 'interrupted';
  if (stopCode === 'UserInitiated')
    return stoppedReason === STOP_REASONS.interrupted ? 'interrupted' : 'stop_requested';
  const byContainer = causeByContainers(task);
  if (stopCode === 'TaskFailedToStart') return byContainer ?? causeOfFailedStart(task);
  if (stopCode === 'EssentialContainerExited') return byContainer ?? 'exited';
  return byContainer ?? 'unknown';
}

/** Null if no container's own words explain the stop. */
function causeByContainers(task: EcsTask): StopCause | null {
  for (const name of IN_ORDER) {
    const container = containerOf(task, name);
    if (container === null) continue;
    const trouble = startTroubleOf(container);
    if (trouble !== null) return trouble === 'passing' ? 'unknown' : trouble;
    // A stager that runs out of memory is no fault of the model, whose smaller settings would not help.
    if (ranOutOfMemory(container)) return name === TASK_CONTAINERS.model ? 'out_of_memory' : 'exited';
    if (container.exitCode !== null && container.exitCode !== 0) return 'exited';
  }
  return null;
}

/** A task that was given no instance never had a place, whatever the words; those are for tasks without that field. */
function causeOfFailedStart({ containerInstanceArn, stoppedReason }: EcsTask): StopCause {
  return containerInstanceArn === null || NO_PLACE.test(stoppedReason ?? '') ? 'no_capacity' : 'unknown';
}
