import { randomUUID } from 'node:crypto';
import { access, chmod, link, lstat, mkdir, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  isJobId,
  modelEndSchema,
  stageInVerdictSchema,
  taskFileSchema,
  WORK_FILES,
  type JobId,
  type ModelEnd,
  type StageInVerdict,
  type TaskFile,
} from '@bpi/job-contract';
import type { StopCause } from '@bpi/jobs';
import { unlessExists, unlessMissing } from '@bpi/model-files';

export type AttemptId = { jobId: JobId; epoch: number };

/**
 * Files of the runner's own beside those of the contract.
 *
 * ```
 * gate         link to the folder itself; the container's mounts go through it. Once it is gone the engine refuses
 *              to start the container again, so a model cannot run twice, however late a stalled driver's call is.
 * driver.json  who drives this attempt (see DriverLease)
 * stager.json  the stager's process, and how often each stage crashed
 * ended.json   nothing of this attempt will run any more; why
 * ```
 */
const OWN_FILES = { gate: 'gate', driver: 'driver.json', stager: 'stager.json', ended: 'ended.json' } as const;

export type Ended = { cause: StopCause; exitCode: number | null };

export type Stage = 'stage-in' | 'stage-out';
export type StagerNote = { stage: Stage; pid: number | null; born: string | null; crashes: Record<Stage, number> };

export function taskRefOf({ jobId, epoch }: AttemptId): string {
  return `bpi-${jobId}-${epoch}`;
}

/** The attempt a folder's name stands for, or null for a folder of somebody else. */
export function attemptOfFolderName(name: string): AttemptId | null {
  const [, jobId, epoch] = /^([0-9a-f-]{36})-(\d{1,4})$/.exec(name) ?? [];
  return jobId !== undefined && isJobId(jobId) && epoch !== undefined ? { jobId, epoch: Number(epoch) } : null;
}

/**
 * One attempt's work folder. Every file appears whole or not at all, and those that must not change are linked, so
 * the first writer wins: any number of workers may read and write here, and any may die at any line. A power cut may
 * leave a name without its content: what is linked is synced first, and a file that is empty counts as none.
 */
export class AttemptFolder {
  readonly id: AttemptId;
  readonly ref: string;
  readonly path: string;

  constructor(workRoot: string, id: AttemptId) {
    this.id = { jobId: id.jobId, epoch: id.epoch };
    this.ref = taskRefOf(id);
    this.path = join(workRoot, `${id.jobId}-${id.epoch}`);
  }

  file(name: keyof typeof WORK_FILES | keyof typeof OWN_FILES): string {
    return join(this.path, { ...WORK_FILES, ...OWN_FILES }[name]);
  }

  /** Where the container's mounts point to: the same folder, for as long as the gate is open. */
  throughGate(name: 'inputs' | 'outputs'): string {
    return join(this.file('gate'), WORK_FILES[name]);
  }

  /**
   * Lays out the folder of a new attempt; `task.json` comes last and says that it is complete. Only the worker's
   * user may enter, therefore the folders inside can be open to whatever uid the container has.
   */
  async create(task: TaskFile): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    for (const [name, mode] of [
      ['inputs', 0o755],
      ['outputs', 0o777],
    ] as const) {
      await mkdir(this.file(name), { recursive: true });
      await chmod(this.file(name), mode); // mkdir's own mode is cut by the umask
    }
    await symlink('.', this.file('gate')).catch(unlessExists);
    await this.#writeOnce('task', task);
  }

  async task(): Promise<TaskFile | null> {
    const json = await this.#read('task');
    return json === null ? null : taskFileSchema.parse(json);
  }

  async stageIn(): Promise<StageInVerdict | null> {
    const json = await this.#read('stageIn');
    return json === null ? null : stageInVerdictSchema.parse(json);
  }

  async modelEnd(): Promise<ModelEnd | null> {
    const json = await this.#read('modelEnd');
    return json === null ? null : modelEndSchema.parse(json);
  }

  /** Notes how the model ended, unless somebody did before; answers what is noted. */
  async endModel(end: ModelEnd): Promise<ModelEnd> {
    await this.#writeOnce('modelEnd', end);
    return (await this.modelEnd()) ?? end;
  }

  async gateIsOpen(): Promise<boolean> {
    return lstat(this.file('gate')).then(() => true, unlessMissing);
  }

  async closeGate(): Promise<void> {
    await unlink(this.file('gate')).catch(unlessMissing);
  }

  async ended(): Promise<Ended | null> {
    // Written by this class alone, whole or not at all.
    return (await this.#read('ended')) as Ended | null;
  }

  /**
   * There is a task, and nobody noted its end. The end is read first, because a removal takes the task away before it:
   * a folder that somebody removes meanwhile never looks like an attempt to drive, or to stop.
   */
  async isAtWork(): Promise<boolean> {
    return (await this.ended()) === null && (await this.task()) !== null;
  }

  async end(ended: Ended): Promise<Ended> {
    await this.#writeOnce('ended', ended);
    return (await this.ended()) ?? ended;
  }

  async stopWanted(): Promise<boolean> {
    return access(this.file('stop')).then(
      () => true,
      () => false,
    );
  }

  /** Also before there is a task: a launch that comes late finds the marker. */
  async wantStop(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await writeFile(this.file('stop'), '');
  }

  async stagerNote(): Promise<StagerNote> {
    const note = (await this.#read('stager')) as StagerNote | null; // as for `ended`
    return note ?? { stage: 'stage-in', pid: null, born: null, crashes: { 'stage-in': 0, 'stage-out': 0 } };
  }

  async noteStager(note: StagerNote): Promise<void> {
    await this.replace('stager', note);
  }

  /** Writes a file anew, whole or not at all. Fails if the folder is gone. */
  async replace(name: 'stager' | 'driver', content: object): Promise<void> {
    const part = await this.#writePart(name, content, 'unsynced'); // soon written again, or not needed any more
    try {
      await rename(part, this.file(name));
    } finally {
      await rm(part, { force: true }); // nothing there, unless the rename failed
    }
  }

  /** False if the file was there already. */
  async #writeOnce(name: 'task' | 'modelEnd' | 'ended', content: object): Promise<boolean> {
    const part = await this.#writePart(name, content, 'synced');
    try {
      return await link(part, this.file(name)).then(() => true, unlessExists);
    } finally {
      await rm(part, { force: true });
    }
  }

  async #writePart(
    name: keyof typeof WORK_FILES | keyof typeof OWN_FILES,
    content: object,
    how: 'synced' | 'unsynced',
  ): Promise<string> {
    const part = join(this.path, `.${name}.${randomUUID()}`);
    await writeFile(part, JSON.stringify(content), { flag: 'wx', flush: how === 'synced' });
    return part;
  }

  async #read(name: keyof typeof WORK_FILES | keyof typeof OWN_FILES): Promise<unknown> {
    const text = await readFile(this.file(name), 'utf8').catch(unlessMissing);
    return typeof text === 'string' && text !== '' ? JSON.parse(text) : null;
  }
}
