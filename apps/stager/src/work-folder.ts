import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelEndSchema, stageInVerdictSchema, taskFileSchema, WORK_FILES } from '@bpi/job-contract';
import type { ModelEnd, StageInVerdict, TaskFile } from '@bpi/job-contract';
import { unlessExists } from '@bpi/model-files';
import type { z } from 'zod';

type WorkFile = keyof typeof WORK_FILES;

/** Where the model can reach them; in a task each of them is on a volume of its own. */
export type ModelPlaces = Partial<Record<'inputs' | 'outputs' | 'logs', string>>;

/** One attempt's folder, as the stager sees it: typed reads of the files it shares with the runner. */
export class WorkFolder {
  readonly path: string;
  readonly #elsewhere: Partial<Record<WorkFile, string>>;

  /** @param elsewhere paths of those that do not lie in the folder itself. */
  constructor(path: string, elsewhere: ModelPlaces = {}) {
    this.path = path;
    this.#elsewhere = elsewhere;
  }

  file(name: WorkFile): string {
    return this.#elsewhere[name] ?? join(this.path, WORK_FILES[name]);
  }

  task(): Promise<TaskFile> {
    return this.#read('task', taskFileSchema);
  }

  /** Null while stage-in has not ended. */
  stageIn(): Promise<StageInVerdict | null> {
    return orNull(this.#read('stageIn', stageInVerdictSchema));
  }

  /** Null while the model runs, or if it never started. */
  modelEnd(): Promise<ModelEnd | null> {
    return orNull(this.#read('modelEnd', modelEndSchema));
  }

  /** Whole or not at all, so that a reader never sees half a verdict. */
  async writeStageIn(verdict: StageInVerdict): Promise<void> {
    await rename(await this.#writePart('stageIn', verdict), this.file('stageIn'));
  }

  /** For a runner that cannot write it: leaves a task that is there alone. */
  async writeTask(task: TaskFile): Promise<void> {
    await this.#writeOnce('task', task);
  }

  /** For a runner that cannot write it: leaves an end that is there alone. */
  async writeModelEnd(end: ModelEnd): Promise<void> {
    await this.#writeOnce('modelEnd', end);
  }

  async #writeOnce(name: WorkFile, content: object): Promise<void> {
    const part = await this.#writePart(name, content);
    try {
      await link(part, this.file(name)).catch(unlessExists);
    } finally {
      await rm(part, { force: true });
    }
  }

  async #writePart(name: WorkFile, content: object): Promise<string> {
    const part = join(this.path, `.${WORK_FILES[name]}.${randomUUID()}`);
    await writeFile(part, JSON.stringify(content), { flag: 'wx', flush: true });
    return part;
  }

  async #read<T>(name: WorkFile, schema: z.ZodType<T>): Promise<T> {
    return schema.parse(JSON.parse(await readFile(this.file(name), 'utf8')));
  }
}

/** Null for a file that is not there. */
export async function orNull<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
