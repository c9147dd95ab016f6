import { STAGER_ENV, stagerEnvSchema, type StagerEnv } from '@bpi/adapters-aws';
import type { TaskFile } from '@bpi/job-contract';

export type TaskConfig = StagerEnv;

/** One sentence per variable that is missing or wrong. Repeats no value: a manifest may be anything. */
export class TaskConfigError extends Error {
  override readonly name = 'TaskConfigError';
}

/** @param env every variable of the process; those that are not the stager's are ignored, an empty one is missing. */
export function parseTaskConfig(env: Readonly<Record<string, string | undefined>>): TaskConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = stagerEnvSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const sentences = new Map<string, string>();
  for (const { path, message } of parsed.error.issues) {
    const name = String(path[0]);
    const wrong = given[name] === undefined ? 'is missing' : `is not valid (${message})`;
    if (!sentences.has(name)) sentences.set(name, `${name} ${wrong}: ${whatToDo(name)}.`);
  }
  throw new TaskConfigError([...sentences.values()].join('\n'));
}

function whatToDo(name: string): string {
  if (Object.values<string>(STAGER_ENV.overridden).includes(name)) return 'launch the task with it among its overrides';
  if (Object.values<string>(STAGER_ENV.given).includes(name)) return 'run this in an ECS task, whose agent sets it';
  return 'register the task definition again with it';
}

/** What both stages of a task are about; the same in both, as their environments are. */
export function taskFileOf(config: TaskConfig): TaskFile {
  return {
    schema_version: 1,
    job_id: config.jobId,
    epoch: config.epoch,
    model: { name: config.manifest.name, version: config.manifest.version },
    pool: config.pool,
    shrunk: config.shrunk,
    image_digest: config.imageDigest,
  };
}
