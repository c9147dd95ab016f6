import { z } from 'zod';
import { attemptOfStartedBy, type AttemptId } from './run-task-input.ts';

const text = z.string().nullish().transform(orNull);

/**
 * A task as DescribeTasks answers and as an ECS Task State Change tells it: the same words in both. What we do not use
 * is ignored, and what is missing is null, because ECS leaves out what it does not know yet.
 */
export const ecsTaskSchema = z.object({
  taskArn: z.string().min(1).max(256),
  clusterArn: text,
  lastStatus: z.string(),
  /** Grows with every change, so the newer of two pictures can be told. */
  version: z
    .number()
    .nullish()
    .transform((version) => version ?? 0),
  startedBy: text,
  stopCode: text,
  stoppedReason: text,
  containerInstanceArn: text,
  containers: z
    .array(
      z.object({
        name: z.string(),
        lastStatus: text,
        exitCode: z
          .int()
          .nullish()
          .transform((exitCode) => exitCode ?? null),
        reason: text,
        /** The engine's id of it: null until it was created. */
        runtimeId: text,
      }),
    )
    .nullish()
    .transform((containers) => containers ?? []),
});
export type EcsTask = z.infer<typeof ecsTaskSchema>;
export type EcsContainer = EcsTask['containers'][number];

/** Null if this is not a task as ECS shows it. */
export function parseEcsTask(value: unknown): EcsTask | null {
  return ecsTaskSchema.safeParse(value).data ?? null;
}

/** Null for a task of somebody else. */
export function attemptOfTask(task: EcsTask): AttemptId | null {
  return attemptOfStartedBy(task.startedBy);
}

export function isStopped({ lastStatus }: Pick<EcsTask, 'lastStatus'>): boolean {
  return lastStatus === 'STOPPED';
}

export function containerOf(task: EcsTask, name: string): EcsContainer | null {
  return task.containers.find((container) => container.name === name) ?? null;
}

function orNull(value: string | null | undefined): string | null {
  return value ?? null;
}
