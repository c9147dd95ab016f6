import { z } from 'zod';

/** How one container of a task goes, as far as the agent knows. Times in milliseconds since 1970. */
export type ContainerState =
  /** Not created yet, or created and not started. */
  | { state: 'waiting' }
  | { state: 'running' }
  /** A container that was never started has no times, and no exit code or a made-up one. */
  | { state: 'stopped'; exitCode: number | null; startedAtMs: number | null; endedAtMs: number | null };

export type TaskState = {
  /** The agent was told to end this task; it knows that before the containers get their signals. */
  stopping: boolean;
  stageIn: ContainerState;
  model: ContainerState;
};

export type TaskMetadataOptions = {
  /** Value of ECS_CONTAINER_METADATA_URI_V4. */
  uri: string;
  /** The containers' names in the task's definition. */
  containers: { stageIn: string; model: string };
  fetch: typeof fetch;
  /** For one answer, its last byte included. */
  timeoutMs: number;
};

/** Three containers are described in a few kilobytes. */
const ANSWER_BYTES_MAX = 256 * 1024;

/** The agent's words (amazon-ecs-agent, `ContainerStatus`); a status before these is one of waiting. */
const RUNNING: readonly string[] = ['RUNNING', 'RESOURCES_PROVISIONED'];
const STOPPED: readonly string[] = ['STOPPED', 'ZOMBIE'];

const time = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .optional()
  .catch(undefined);

const containerSchema = z.object({
  Name: z.string(),
  KnownStatus: z.string(),
  ExitCode: z.int().optional(),
  StartedAt: time,
  FinishedAt: time,
});

const taskSchema = z.object({
  DesiredStatus: z.string().optional(),
  /** Only those that were created. */
  Containers: z.array(containerSchema).max(64).optional(),
});

/** The endpoint did not answer as it should. A later try may do better. */
export class TaskMetadataError extends Error {
  override readonly name = 'TaskMetadataError';
  readonly code: 'unreachable' | 'status' | 'too_long' | 'not_understood';

  constructor(code: TaskMetadataError['code']) {
    super(`the task metadata endpoint gave no usable answer (${code}): ask again, and check the agent if it goes on`);
    this.code = code;
  }
}

/**
 * Asks the task metadata endpoint, version 4, how the task goes. Throws TaskMetadataError, or the signal's reason.
 * Fields: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-response.html
 */
export async function readTaskState(options: TaskMetadataOptions, signal: AbortSignal): Promise<TaskState> {
  const text = await ask(options, AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)])).catch((error) => {
    signal.throwIfAborted();
    throw error instanceof TaskMetadataError ? error : new TaskMetadataError('unreachable');
  });
  const task = parse(text);
  const stateOf = (name: string) => containerState(task.Containers?.find((container) => container.Name === name));
  return {
    stopping: task.DesiredStatus === 'STOPPED',
    stageIn: stateOf(options.containers.stageIn),
    model: stateOf(options.containers.model),
  };
}

async function ask({ uri, fetch }: TaskMetadataOptions, signal: AbortSignal): Promise<string> {
  const response = await fetch(`${uri}/task`, { signal, redirect: 'error' });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new TaskMetadataError('status');
  }
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body) {
    bytes += part.length;
    if (bytes > ANSWER_BYTES_MAX) throw new TaskMetadataError('too_long'); // leaving the loop cancels the rest
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parse(text: string): z.infer<typeof taskSchema> {
  try {
    return taskSchema.parse(JSON.parse(text));
  } catch {
    throw new TaskMetadataError('not_understood');
  }
}

function containerState(container: z.infer<typeof containerSchema> | undefined): ContainerState {
  if (container === undefined) return { state: 'waiting' };
  if (RUNNING.includes(container.KnownStatus)) return { state: 'running' };
  if (!STOPPED.includes(container.KnownStatus)) return { state: 'waiting' };
  return {
    state: 'stopped',
    exitCode: container.ExitCode ?? null,
    startedAtMs: container.StartedAt ?? null,
    endedAtMs: container.FinishedAt ?? null,
  };
}
