import type { JobId } from '@bpi/job-contract';
import { z } from 'zod';
import { attemptOfTask, parseEcsTask, type EcsTask } from '../ecs/ecs-task.ts';
import { parseStagerMessage } from './task-events-message.ts';

/** What a message of the task-events queue says. `dropped`: none of ours, and why. */
export type TaskNews =
  | { kind: 'task'; task: EcsTask; jobId: JobId; epoch: number }
  | { kind: 'interruption'; instanceId: string }
  | { kind: 'progress'; jobId: JobId; epoch: number; fraction: number; step: string }
  | { kind: 'heartbeat'; jobId: JobId; epoch: number }
  | { kind: 'dropped'; reason: DropReason };

export type DropReason = 'not_json' | 'unknown_event' | 'other_cluster' | 'other_task';

/** The events of EventBridge that the task-events queue is meant to get, by what tells them from others. */
export const TASK_EVENTS = {
  taskChange: { source: 'aws.ecs', detailType: 'ECS Task State Change' },
  spotWarning: { source: 'aws.ec2', detailType: 'EC2 Spot Instance Interruption Warning' },
} as const;

const taskChangeSchema = z.object({
  source: z.literal(TASK_EVENTS.taskChange.source),
  'detail-type': z.literal(TASK_EVENTS.taskChange.detailType),
  detail: z.unknown(),
});
const spotWarningSchema = z.object({
  source: z.literal(TASK_EVENTS.spotWarning.source),
  'detail-type': z.literal(TASK_EVENTS.spotWarning.detailType),
  detail: z.object({ 'instance-id': z.string().regex(/^i-[0-9a-z]{1,32}$/) }),
});

/**
 * Reads one message. Sources: "Amazon ECS task state change events" (ECS Developer Guide) and "Spot Instance
 * interruption notices" (EC2 User Guide), both in EventBridge's envelope.
 */
export function parseTaskNews(body: string | undefined, clusterArn: string): TaskNews {
  const value = parseJson(body ?? '');
  if (value === undefined) return { kind: 'dropped', reason: 'not_json' };
  const ours = parseStagerMessage(value);
  if (ours !== null) return ours;
  const warning = spotWarningSchema.safeParse(value);
  if (warning.success) return { kind: 'interruption', instanceId: warning.data.detail['instance-id'] };
  const change = taskChangeSchema.safeParse(value);
  const task = change.success ? parseEcsTask(change.data.detail) : null;
  if (task === null) return { kind: 'dropped', reason: 'unknown_event' };
  if (task.clusterArn !== clusterArn) return { kind: 'dropped', reason: 'other_cluster' };
  const attempt = attemptOfTask(task);
  return attempt === null ? { kind: 'dropped', reason: 'other_task' } : { kind: 'task', task, ...attempt };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
