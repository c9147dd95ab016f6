import type { RunTaskCommandInput } from '@aws-sdk/client-ecs';
import { isJobId, MODEL_ENV, type JobId } from '@bpi/job-contract';
import type { TaskSpec } from '@bpi/jobs';
import { STAGER_ENV } from './stager-env.ts';
import { TASK_CONTAINERS } from './task-layout.ts';

export type AttemptId = { jobId: JobId; epoch: number };

const STARTED_BY = /^bpi\/([0-9a-f-]{36})\/([1-9]\d{0,3})$/;

/** Who started a task, in ECS's field of that name; the only name of an attempt that ECS can be asked for. */
export function startedByOf({ jobId, epoch }: AttemptId): string {
  return `bpi/${jobId}/${epoch}`;
}

/** Null for a task that is not one of our attempts. */
export function attemptOfStartedBy(startedBy: string | null): AttemptId | null {
  const [, jobId, epoch] = STARTED_BY.exec(startedBy ?? '') ?? [];
  return jobId === undefined || !isJobId(jobId) ? null : { jobId, epoch: Number(epoch) };
}

/** Job and epoch: ECS answers a repeat with the same task until an hour after that ended. */
export function clientTokenOf({ jobId, epoch }: AttemptId): string {
  return `${jobId}-${epoch}`;
}

/**
 * What RunTask is asked for an attempt. Everything comes from what the claim pinned, so equal specs give equal inputs,
 * also from another worker after a deployment: with the same token and any other parameter ECS answers with a conflict.
 * Ids only, because overrides are shown to everybody who may describe tasks.
 */
export function buildRunTaskInput(
  spec: TaskSpec & { definition: string },
  { cluster }: { cluster: string },
): RunTaskCommandInput {
  const { overridden } = STAGER_ENV;
  const attempt = [
    { name: MODEL_ENV.jobId, value: spec.jobId },
    { name: MODEL_ENV.attempt, value: String(spec.epoch) },
  ];
  const stage = [
    ...attempt,
    { name: overridden.shrunk, value: spec.shrunk ? 'yes' : 'no' },
    { name: overridden.pool, value: spec.pool },
  ];
  return {
    cluster,
    taskDefinition: spec.definition,
    count: 1,
    // A provider and no launch type: only so does the Auto Scaling group behind it grow. A weight of 0 would never run.
    capacityProviderStrategy: [{ capacityProvider: spec.pool, weight: 1 }],
    clientToken: clientTokenOf(spec),
    startedBy: startedByOf(spec),
    propagateTags: 'TASK_DEFINITION',
    enableECSManagedTags: true,
    overrides: {
      containerOverrides: [
        { name: TASK_CONTAINERS.stageIn, environment: stage },
        { name: TASK_CONTAINERS.model, environment: attempt },
        { name: TASK_CONTAINERS.stageOut, environment: stage },
      ],
    },
  };
}
