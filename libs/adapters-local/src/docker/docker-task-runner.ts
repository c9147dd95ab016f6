import { readdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorFields, type Log, type ModelManifest } from '@bpi/job-contract';
import type {
  Catalogue,
  Clock,
  LaunchResult,
  ListedTask,
  ObjectStore,
  Observation,
  TaskEvent,
  TaskId,
  TaskRunner,
  TaskSpec,
} from '@bpi/jobs';
import type Docker from 'dockerode';
import { AttemptFolder, attemptOfFolderName, taskRefOf } from './attempt-folder.ts';
import { LABELS, type HostFacts } from './container-options.ts';
import type { DockerRunnerSettings, DriveContext } from './drive.ts';
import { lookAfter, settleStopped } from './driver.ts';
import { unlessMissing } from '@bpi/model-files';
import { EventHub } from './event-hub.ts';
import { ModelContainer, type ContainerState } from './model-container.ts';
import { removeTree } from '@bpi/model-files';
import { signalStager, stagerIsAlive } from './stager-process.ts';
import { StagerSource, type StagerCommand } from './stager-source.ts';
import { engineStatus, throwEngineError } from './task-runner-error.ts';

export type DockerTaskRunnerOptions = {
  docker: Docker;
  /** Where the stager stores `report.json`; only looked at. */
  objects: Pick<ObjectStore, 'head'>;
  catalogue: Catalogue;
  /** Holds one folder per attempt. Every worker of this installation names the same. */
  workRoot: string;
  /** Holds `<model name>/<weights file>` of models whose images lack them; the engine mounts it. Default: there are none. */
  weightsRoot?: string;
  /**
   * The stager, run as `command… stage-in|stage-out --work FOLDER` without stdin. Exit 0 says that `stage-in.json` or
   * the report is stored; anything else that the stage may be tried again. Any uid must be able to read what stage-in
   * writes. With a spare `kept`, it is run as `command… --spare` ahead of time: it begins on one line of JSON on its stdin,
   * `{"stage", "work"}`, and ends having done nothing when stdin closes before that.
   */
  stager: {
    command: readonly string[];
    env?: Readonly<Record<string, string>>;
    spare?: StagerCommand['spare'];
  };
  /** Where the stager's own log lines go; default: to this process's stdout and stderr. */
  stagerStdio?: 'inherit' | 'ignore';
  clock: Clock;
  log: Log;
  settings: DockerRunnerSettings;
};

/**
 * Tasks on a Docker engine: stage-in, the model container, stage-out, in one folder per attempt. This process drives
 * what it launches or finds; all there is to know lies in the folder and the engine, so when it dies any other goes on.
 * Raises TaskRunnerError when the engine cannot be asked.
 */
export class DockerTaskRunner implements TaskRunner {
  readonly #context: DriveContext;
  readonly #workRoot: string;
  readonly #events = new EventHub();
  readonly #closing = new AbortController();
  readonly #drives = new Map<string, Promise<void>>();
  readonly #stops = new Set<Promise<void>>();
  #hostFacts: Promise<HostFacts> | null = null;

  constructor(options: DockerTaskRunnerOptions) {
    const { docker, objects, catalogue, clock, log, settings, stager } = options;
    this.#workRoot = resolve(options.workRoot);
    this.#context = {
      docker,
      objects,
      catalogue,
      weightsRoot: options.weightsRoot === undefined ? null : resolve(options.weightsRoot),
      clock,
      log,
      settings,
      stagers: new StagerSource({ spare: 'none', ...stager, stdio: options.stagerStdio ?? 'inherit' }),
      hostFacts: () => this.#host(),
      emit: (event) => this.#events.emit(event),
    };
    this.#context.stagers.keepSpare();
  }

  /** The launch itself pins the image, in the attempt's folder. */
  definitionOf(): null {
    return null;
  }

  async launch(spec: TaskSpec): Promise<LaunchResult> {
    const folder = new AttemptFolder(this.#workRoot, spec);
    if ((await folder.task()) === null) {
      const manifest = this.#context.catalogue.findVersion(spec.model);
      const image = manifest === null ? null : await this.#imageFor(manifest);
      if (image === null) return { kind: 'refused', code: 'model_unavailable' };
      await folder.create({
        schema_version: 1,
        job_id: spec.jobId,
        epoch: spec.epoch,
        model: { name: spec.model.name, version: spec.model.version },
        pool: spec.pool,
        shrunk: spec.shrunk,
        image_digest: image,
      });
    }
    this.#drive(folder);
    return { kind: 'launched', ref: folder.ref };
  }

  async inspect(task: TaskId): Promise<Observation> {
    const folder = new AttemptFolder(this.#workRoot, task);
    const container = new ModelContainer(this.#context.docker, folder);
    const [state, file] = await Promise.all([container.inspect(), folder.task()]);
    const { ref } = folder;
    if (file === null) return state === null ? { state: 'missing' } : this.#inspectStray(folder, container, state);
    const ended = await folder.ended();
    if (ended === null) this.#drive(folder);
    if (state?.running === true) return { state: 'running', ref };
    if (ended !== null) return { state: 'stopped', ref, ...ended };
    if (await folder.stopWanted()) {
      const settled = await settleStopped(folder, container);
      if (settled !== null) return { state: 'stopped', ref, ...settled };
    }
    const hasRun = (state?.startedAtMs ?? (await folder.modelEnd())?.started_at_ms ?? null) !== null;
    if (hasRun) return { state: 'running', ref };
    return { state: 'pending', ref, waitingFor: (await folder.stageIn()) === null ? 'input' : 'start' };
  }

  async stop(task: TaskId, mode: 'ask' | 'force'): Promise<void> {
    const folder = new AttemptFolder(this.#workRoot, task);
    await folder.wantStop();
    await signalStager(folder, mode === 'ask' ? 'SIGTERM' : 'SIGKILL');
    const container = new ModelContainer(this.#context.docker, folder);
    await container.inspect(); // an engine that does not answer must be known now: nobody waits for the rest
    const stopping = this.#stopContainer(folder, container, mode).catch((error: unknown) => {
      this.#context.log('loop.failed', { loop: 'stop', ...errorFields(error) });
    });
    this.#stops.add(stopping);
    void stopping.then(() => this.#stops.delete(stopping));
  }

  async list(): Promise<ListedTask[]> {
    const { docker, settings } = this.#context;
    const filters = { label: [`${LABELS.platform}=${settings.platform}`] };
    const [names, containers] = await Promise.all([
      readdir(this.#workRoot).catch(unlessMissing),
      docker.listContainers({ all: true, filters }).catch(throwEngineError),
    ]);
    const tasks = new Map<string, ListedTask>();
    for (const { Labels, State } of containers) {
      const id = attemptOfFolderName(`${Labels[LABELS.job]}-${Labels[LABELS.epoch]}`);
      if (id === null) continue;
      const ref = taskRefOf(id);
      tasks.set(ref, { ...id, ref, live: State === 'running' || State === 'paused' });
    }
    for (const name of names === false ? [] : names) {
      const id = attemptOfFolderName(name);
      if (id === null) continue;
      const folder = new AttemptFolder(this.#workRoot, id);
      if ((await folder.task()) === null) {
        // A wish to stop what was never launched: it is kept for a launch that comes late, and removed like a task.
        if (await folder.stopWanted())
          tasks.set(folder.ref, { ...id, ref: folder.ref, live: tasks.get(folder.ref)?.live === true });
        continue;
      }
      const atWork = await folder.isAtWork();
      if (atWork) this.#drive(folder);
      tasks.set(folder.ref, { ...id, ref: folder.ref, live: atWork || tasks.get(folder.ref)?.live === true });
    }
    return [...tasks.values()];
  }

  async remove(task: TaskId): Promise<void> {
    const folder = new AttemptFolder(this.#workRoot, task);
    const container = new ModelContainer(this.#context.docker, folder);
    if ((await container.inspect())?.running === true) return;
    if (await folder.isAtWork()) return;
    if (await stagerIsAlive(folder)) return;
    if (!(await container.removeUnlessRunning())) return;
    await this.#drives.get(folder.ref)?.catch(() => undefined); // it has ended, or is about to: its files go with it
    await rm(folder.file('task'), { force: true }); // first: half a folder must not look like an attempt to drive
    await removeTree(folder.path);
  }

  events(signal: AbortSignal): AsyncIterable<TaskEvent> {
    return this.#events.read(signal);
  }

  /** Stops driving, and the stagers with it; containers run on for whoever comes next. Safe to repeat. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#context.stagers.close();
    await Promise.allSettled([...this.#drives.values(), ...this.#stops]);
  }

  #drive(folder: AttemptFolder): void {
    if (this.#drives.has(folder.ref) || this.#closing.signal.aborted) return;
    const driving = lookAfter(this.#context, folder, this.#closing.signal)
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) this.#context.log('loop.failed', { loop: 'driver', ...errorFields(error) });
      })
      .finally(() => this.#drives.delete(folder.ref));
    this.#drives.set(folder.ref, driving);
  }

  /** A container whose folder somebody deleted: nobody can drive it, but while it runs it is not gone. */
  async #inspectStray(folder: AttemptFolder, container: ModelContainer, state: ContainerState): Promise<Observation> {
    const { ref } = folder;
    if (state.running) return { state: 'running', ref };
    if (state.startedAtMs === null) await container.removeUnlessRunning();
    return { state: 'stopped', ref, cause: 'unknown', exitCode: null };
  }

  async #stopContainer(folder: AttemptFolder, container: ModelContainer, mode: 'ask' | 'force'): Promise<void> {
    if (mode === 'ask') await container.stop(this.#context.settings.stopGraceMs);
    else await container.removeByForce();
    this.#events.emit({ kind: 'changed', ...folder.id });
  }

  /** The image's id, or null if the model cannot run on this host: no image, or no GPU where it needs one. */
  async #imageFor(manifest: ModelManifest): Promise<string | null> {
    if (manifest.resources.gpu === 'required' && !(await this.#host()).hasNvidia) return null;
    try {
      return (await this.#context.docker.getImage(manifest.image).inspect()).Id;
    } catch (error) {
      if (engineStatus(error) === 404) return null;
      return throwEngineError(error);
    }
  }

  /** Asked once: a host gets no other processors, and a new runtime needs a restart of the engine. */
  #host(): Promise<HostFacts> {
    this.#hostFacts ??= askHost(this.#context.docker).catch((error: unknown) => {
      this.#hostFacts = null;
      return throwEngineError(error);
    });
    return this.#hostFacts;
  }
}

async function askHost(docker: Docker): Promise<HostFacts> {
  // `info` is untyped in the client; fields: Docker Engine API v1.41, GET /info.
  const info = (await docker.info()) as { NCPU: number; Runtimes?: Record<string, unknown> | null };
  return { cpus: info.NCPU, hasNvidia: Object.hasOwn(info.Runtimes ?? {}, 'nvidia') };
}
