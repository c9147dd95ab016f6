import type { Log, ModelManifest, TaskFile } from '@bpi/job-contract';
import type { Catalogue, Clock, ObjectStore, TaskEvent } from '@bpi/jobs';
import type Docker from 'dockerode';
import type { AttemptFolder } from './attempt-folder.ts';
import type { HostFacts } from './container-options.ts';
import type { ModelContainer } from './model-container.ts';
import type { StagerSource } from './stager-source.ts';

export type DockerRunnerSettings = {
  /** Tells this installation's containers from those of others on the same engine; a label's value. */
  platform: string;
  /** What a model may leave in its output folder. */
  outputBytesMax: number;
  /** How much of a model's stdout and stderr is kept. */
  logBytesMax: number;
  /** How often a running model's progress and output folder are looked at. */
  pollIntervalMs: number;
  /** Between SIGTERM and SIGKILL. */
  stopGraceMs: number;
  /** Whom the model runs as. A worker without root must name itself, or it could not read what the model wrote. */
  containerUser: { uid: number; gid: number };
};

export type DriveContext = {
  docker: Docker;
  objects: Pick<ObjectStore, 'head'>;
  catalogue: Catalogue;
  /** Holds a folder per model with weights outside its image; null = there are none here. */
  weightsRoot: string | null;
  clock: Clock;
  log: Log;
  settings: DockerRunnerSettings;
  stagers: StagerSource;
  hostFacts: () => Promise<HostFacts>;
  emit: (event: TaskEvent) => void;
};

/** One attempt in the hands of one driver. */
export type Drive = {
  context: DriveContext;
  folder: AttemptFolder;
  container: ModelContainer;
  task: TaskFile;
  /** Null if the catalogue has moved on to another version. */
  manifest: ModelManifest | null;
  /** Aborts when this worker closes or another one took over. */
  signal: AbortSignal;
  /** Lost: it did not answer for a while, in this drive or an earlier one of the same look-out. */
  engine: { lost: boolean };
};

/** Raised inside a drive when somebody wants the attempt to end. */
export class StopWanted extends Error {
  override readonly name = 'StopWanted';
}

/** Called before every step that starts something. */
export async function goOnOrThrow({ folder, signal }: Pick<Drive, 'folder' | 'signal'>): Promise<void> {
  signal.throwIfAborted();
  if (await folder.stopWanted()) throw new StopWanted();
}
