import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelEndSchema, stageInVerdictSchema, taskFileSchema, WORK_FILES } from '@bpi/job-contract';
import type { ModelEnd, StageInVerdict, TaskFile } from '@bpi/job-contract';
import type { z } from 'zod';

/** One attempt's folder, as the stager sees it: typed reads of the files it shares with the runner. */
export class WorkFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  file(name: keyof typeof WORK_FILES): string {
    return join(this.path, WORK_FILES[name]);
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
    const part = join(this.path, `.${WORK_FILES.stageIn}.${randomUUID()}`);
    await writeFile(part, JSON.stringify(verdict), { flag: 'wx', flush: true });
    await rename(part, this.file('stageIn'));
  }

  async #read<T>(name: keyof typeof WORK_FILES, schema: z.ZodType<T>): Promise<T> {
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
