import { randomUUID } from 'node:crypto';
import type { Arns } from '../arns.ts';
import { describeTask, type Task } from '../task.ts';
import { inText, toJson } from '../wire.ts';
import type { EcsEvent } from './event.ts';

/** `detail` is the task as DescribeTasks shows it at this moment, with times as text. */
export function taskStateChange(task: Task, arns: Arns, now: Date): EcsEvent {
  const detail = { ...describeTask(task, arns, false), updatedAt: now };
  return {
    ...envelope(arns, now),
    'detail-type': 'ECS Task State Change',
    source: 'aws.ecs',
    resources: [task.arn],
    // Through JSON and back: a copy that later changes of the task do not reach.
    detail: JSON.parse(toJson(detail, inText)),
  };
}

export function spotInterruptionWarning(instanceId: string, arns: Arns, now: Date): EcsEvent {
  return {
    ...envelope(arns, now),
    'detail-type': 'EC2 Spot Instance Interruption Warning',
    source: 'aws.ec2',
    resources: [arns.ec2Instance(instanceId)],
    detail: { 'instance-id': instanceId, 'instance-action': 'terminate' },
  };
}

/** EventBridge's times have no fraction of a second. */
function envelope({ account, region }: Arns, now: Date) {
  const time = `${now.toISOString().slice(0, 19)}Z`;
  return { version: '0' as const, id: randomUUID(), account, region, time };
}
