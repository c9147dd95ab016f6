import type { RunTaskCommandOutput } from '@aws-sdk/client-ecs';
import type { LaunchResult } from '@bpi/jobs';
import { isErrorNamed } from '../aws-error.ts';

/** RESOURCE:GPU, RESOURCE:MEMORY, AGENT, ATTRIBUTE, …: no instance could take it now. */
const NO_PLACE = /^(RESOURCE|AGENT|ATTRIBUTE|Capacity|EMPTY)/i;
/** The words of ClientException where only they tell. */
const TOO_MANY_WAIT = /provisioning|capacity provider.*(limit|exceeded)/i;
const NO_DEFINITION = /task ?definition/i;
const INACTIVE = /task ?definition .*inactive/i;

const refused = (code: Extract<LaunchResult, { kind: 'refused' }>['code']): LaunchResult => ({ kind: 'refused', code });

/** An answer of 200 with `failures` and no task is a refusal. Null = neither a task nor a failure. */
export function launchResultOf(answer: Pick<RunTaskCommandOutput, 'tasks' | 'failures'>): LaunchResult | null {
  const ref = answer.tasks?.[0]?.taskArn;
  if (ref !== undefined) return { kind: 'launched', ref };
  const reason = answer.failures?.[0]?.reason;
  if (reason === undefined) return null;
  return refused(NO_PLACE.test(reason) ? 'capacity_unavailable' : 'platform_error');
}

/** What an error of RunTask means for sure, or null where the outcome is doubtful or the set-up is wrong. */
export function launchResultOfError(error: unknown): LaunchResult | null {
  const message = error instanceof Error ? error.message : '';
  // The same token with other parameters: the task of an earlier try is the task.
  if (isErrorNamed(error, 'ConflictException')) {
    const [ref] = resourceIdsOf(error);
    return ref === undefined ? null : { kind: 'launched', ref };
  }
  if (isErrorNamed(error, 'ClientException')) {
    if (TOO_MANY_WAIT.test(message)) return refused('capacity_unavailable');
    // Deregistered by a deployment since the claim: the next claim pins the revision that took its place.
    if (INACTIVE.test(message)) return refused('platform_error');
    return NO_DEFINITION.test(message) ? refused('model_unavailable') : null;
  }
  if (isErrorNamed(error, 'InvalidParameterException')) return refused('model_unavailable');
  if (isErrorNamed(error, 'BlockedException', 'PlatformUnknownException', 'UnsupportedFeatureException')) {
    return refused('platform_error');
  }
  return null;
}

function resourceIdsOf(error: unknown): string[] {
  if (typeof error !== 'object' || error === null || !('resourceIds' in error)) return [];
  return Array.isArray(error.resourceIds) ? error.resourceIds.filter((id) => typeof id === 'string') : [];
}
