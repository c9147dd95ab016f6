/** Tasks without containers: each is a folder, so that all there is to know of it survives its worker. */
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJobId, type JobId } from '@bpi/job-contract';
import type { LaunchResult, ListedTask, Observation, StopCause, TaskEvent, TaskRunner, TaskSpec } from '@bpi/jobs';
import { removeTree } from '@bpi/model-files';
import { orNull, WorkFolder } from '../../work-folder.ts';

type Ended = { cause: StopCause; exitCode: number | null };
export type AttemptId = { jobId: JobId; epoch: number };

/** What a story wants of the machines that run its tasks. */
export type Hosts = {
  /** Launches whose answer gets lost, although the task was made. */
  answersLost: (task: AttemptId) => boolean;
  /** Machines that do not answer for now: their tasks cannot be seen, and go on. */
  silent: (task: AttemptId) => Promise<boolean>;
};

/** One task's folder: the files of the stager's contract, and how the task ended. */
export class TaskFolder {
  readonly id: AttemptId;
  readonly ref: string;
  readonly work: WorkFolder;

  constructor(root: string, { jobId, epoch }: AttemptId) {
    this.id = { jobId, epoch };
    this.ref = `task-${jobId}-${epoch}`;
    this.work = new WorkFolder(join(root, `${jobId}-${epoch}`));
  }

  isLaunched(): Promise<boolean> {
    return isThere(this.work.file('task'));
  }

  async ended(): Promise<Ended | null> {
    const text = await orNull(readFile(join(this.work.path, 'ended.json'), 'utf8'));
    return text === null ? null : (JSON.parse(text) as Ended); // written below
  }

  async end(ended: Ended): Promise<void> {
    await writeFile(join(this.work.path, 'ended.json'), JSON.stringify(ended));
  }

  async stopWanted(): Promise<'ask' | 'force' | null> {
    const mode = await orNull(readFile(this.work.file('stop'), 'utf8'));
    return mode === null ? null : mode === 'force' ? 'force' : 'ask';
  }

  /** Notes that this process runs a stage here. */
  async takeStager(): Promise<void> {
    await writeFile(join(this.work.path, 'stager.pid'), String(process.pid));
  }

  /** Whether another process runs a stage here: one that stalls is alive. */
  async isStagedElsewhere(): Promise<boolean> {
    if ((await this.ended()) !== null) return false;
    const pid = Number(await orNull(readFile(join(this.work.path, 'stager.pid'), 'utf8')));
    if (pid === 0 || pid === process.pid) return false;
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  }
}

/** What a story wants to fail. */
export class AnswerLost extends Error {
  override readonly name = 'AnswerLost';
  constructor() {
    super('the launch got no answer');
  }
}

export class FolderRunner implements TaskRunner {
  readonly #root: string;
  readonly #hosts: Hosts;

  constructor(root: string, hosts: Hosts) {
    this.#root = root;
    this.#hosts = hosts;
  }

  definitionOf(): null {
    return null;
  }

  async launch({ jobId, epoch, model, pool, shrunk }: TaskSpec): Promise<LaunchResult> {
    const { work, ref, id } = new TaskFolder(this.#root, { jobId, epoch });
    if (await isThere(work.file('task'))) return { kind: 'launched', ref };
    await mkdir(work.file('outputs'), { recursive: true });
    await work.writeTask({ schema_version: 1, job_id: jobId, epoch, model, pool, shrunk, image_digest: null });
    if (this.#hosts.answersLost(id)) throw new AnswerLost();
    return { kind: 'launched', ref };
  }

  async inspect(task: AttemptId): Promise<Observation> {
    const folder = new TaskFolder(this.#root, task);
    const { ref } = folder;
    if (!(await folder.isLaunched()) || (await this.isSilent(folder))) return { state: 'missing' };
    const ended = await folder.ended();
    if (ended !== null) return { state: 'stopped', ref, ...ended };
    if ((await folder.work.stageIn()) === null) return { state: 'pending', ref, waitingFor: 'input' };
    return { state: 'running', ref };
  }

  /** Also before there is a task: a launch that comes late finds the wish. */
  async stop(task: AttemptId, mode: 'ask' | 'force'): Promise<void> {
    const { work } = new TaskFolder(this.#root, task);
    await mkdir(work.path, { recursive: true });
    await writeFile(work.file('stop'), mode);
  }

  async list(): Promise<ListedTask[]> {
    const listed: ListedTask[] = [];
    for (const folder of await this.#all()) {
      if (await this.isSilent(folder)) continue;
      listed.push({
        ...folder.id,
        ref: folder.ref,
        live: (await folder.isLaunched()) && (await folder.ended()) === null,
      });
    }
    return listed;
  }

  async remove(task: AttemptId): Promise<void> {
    const folder = new TaskFolder(this.#root, task);
    if ((await folder.isLaunched()) && ((await folder.ended()) === null || (await this.isSilent(folder)))) return;
    await rm(folder.work.file('task'), { force: true });
    await removeTree(folder.work.path);
  }

  async *events(): AsyncGenerator<TaskEvent> {}

  /** Of every task that was launched and not removed, whether its machine answers or not. */
  async folders(): Promise<TaskFolder[]> {
    const launched: TaskFolder[] = [];
    for (const folder of await this.#all()) if (await folder.isLaunched()) launched.push(folder);
    return launched;
  }

  async #all(): Promise<TaskFolder[]> {
    const folders: TaskFolder[] = [];
    for (const name of (await orNull(readdir(this.#root))) ?? []) {
      const [, jobId = '', epoch] = /^(.{36})-(\d+)$/.exec(name) ?? [];
      if (!isJobId(jobId)) continue;
      folders.push(new TaskFolder(this.#root, { jobId, epoch: Number(epoch) }));
    }
    return folders;
  }

  async isSilent(folder: TaskFolder): Promise<boolean> {
    return (await folder.isStagedElsewhere()) || this.#hosts.silent(folder.id);
  }
}

export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
