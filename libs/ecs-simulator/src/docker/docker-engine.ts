import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import {
  CannotStart,
  type ContainerEngine,
  type ContainerExit,
  type ContainerPlan,
  type StartedContainer,
} from '../container-engine.ts';
import { buildContainerOptions, LABELS, labelsOf, volumeNameOf } from './container-options.ts';
import {
  DockerEngineError,
  EngineConnection,
  engineMessage,
  engineStatus,
  isAnswer,
  unless,
} from './engine-connection.ts';
import { unframeLogs } from './log-frames.ts';
import { waitForExit } from './wait-for-exit.ts';

const RECONNECT_LIMIT_MS = 120_000;
/** As the agent's ECS_CONTAINER_START_TIMEOUT. */
const START_TIMEOUT_MS = 180_000;
const REMOVE_LIMIT_MS = 60_000;
const LOG_LINES_MAX = 1_000;

/** What a container that was removed by force counts with: SIGKILL. */
const KILLED_EXIT_CODE = 137;

/** Part of the names of containers and volumes, so the engine's own rule for them. */
const LABEL_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,39}$/;

type Settings = {
  docker: Docker;
  /** Tells this simulator's containers and volumes from those of others on the same engine. */
  label: string;
  /** How long nobody may answer on the engine's socket before a call fails. Default 120,000. */
  reconnectLimitMs?: number;
};

/**
 * Runs the containers of tasks in a local Docker Engine (20.10 or newer). It pulls nothing: an image that is not there
 * is one that cannot be pulled. `wait`, `stop`, `kill` and removal outlive a restart of the engine; `start` does not,
 * and fails as ECS's own agent does then.
 */
export class DockerEngine implements ContainerEngine {
  readonly #docker: Docker;
  readonly #label: string;
  readonly #connection: EngineConnection;
  /** By the promise, the task it starts a container of: what is removed must not appear again right after. */
  readonly #starting = new Map<Promise<StartedContainer>, string>();
  #closing = false;

  constructor({ docker, label, reconnectLimitMs = RECONNECT_LIMIT_MS }: Settings) {
    if (!LABEL_PATTERN.test(label)) {
      throw new DockerEngineError('A label has 1 to 40 letters, digits, _ . or -, and begins with a letter or digit.');
    }
    this.#docker = docker;
    this.#label = label;
    this.#connection = new EngineConnection(reconnectLimitMs);
  }

  async start(plan: ContainerPlan): Promise<StartedContainer> {
    if (this.#closing) throw new CannotStart('CannotStartContainerError', 'the engine is closing');
    const starting = this.#createAndStart(plan);
    this.#starting.set(starting, plan.taskId);
    try {
      return await starting;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** A container that was removed by force counts as killed. */
  async wait(runtimeId: string): Promise<ContainerExit> {
    for (;;) {
      const answered = await this.#waitOnce(runtimeId);
      // The answer knows of no OOM, and of an engine that goes down only that it does.
      const info = await this.#inspect(runtimeId);
      if (info === null) return { exitCode: answered ?? KILLED_EXIT_CODE, oomKilled: false };
      if (!info.State.Running) return { exitCode: info.State.ExitCode, oomKilled: info.State.OOMKilled };
      await this.#connection.pause();
    }
  }

  /** The first signal is the image's own if it names one, as with ECS's agent. */
  async stop(runtimeId: string, graceMs: number): Promise<void> {
    const info = await this.#inspect(runtimeId);
    if (info === null || !info.State.Running) return;
    await this.#signal(runtimeId, stopSignalOf(info));
    const grace = new AbortController();
    const ended = this.wait(runtimeId).finally(() => grace.abort());
    const killed = delay(graceMs, undefined, { signal: grace.signal }).then(
      () => this.kill(runtimeId),
      () => undefined, // it ended in time
    );
    await Promise.all([ended, killed]);
  }

  async kill(runtimeId: string): Promise<void> {
    await this.#signal(runtimeId, 'SIGKILL');
  }

  async removeTask(taskId: string): Promise<void> {
    const ofTask = [...this.#starting].filter(([, startsFor]) => startsFor === taskId).map(([starting]) => starting);
    await Promise.allSettled(ofTask);
    await this.#remove([`${LABELS.simulator}=${this.#label}`, `${LABELS.task}=${taskId}`]);
  }

  /** Removes every container and volume with this label, also those of an earlier process. */
  async killAll(): Promise<void> {
    await Promise.allSettled(this.#starting.keys());
    await this.#remove([`${LABELS.simulator}=${this.#label}`]);
  }

  /** Starts nothing more and leaves nothing behind. Whoever waits for a container sees it killed. */
  async close(): Promise<void> {
    this.#closing = true;
    try {
      await this.killAll();
    } finally {
      this.#connection.close();
    }
  }

  /** For debugging: the newest 1,000 lines of stdout and stderr; empty if the container is gone. */
  async logs(runtimeId: string): Promise<string> {
    const framed = await this.#connection.persist((abortSignal) =>
      this.#docker
        .getContainer(runtimeId)
        .logs({ stdout: true, stderr: true, tail: LOG_LINES_MAX, abortSignal })
        .catch(unless(404)),
    );
    return framed === null ? '' : unframeLogs(framed);
  }

  async #createAndStart(plan: ContainerPlan): Promise<StartedContainer> {
    const imageId = await this.#imageIdOf(plan.image);
    const options = buildContainerOptions(plan, { label: this.#label, imageId });
    try {
      for (const { volume } of plan.mounts) await this.#ensureVolume(plan.taskId, volume);
      const abortSignal = AbortSignal.timeout(START_TIMEOUT_MS);
      const { id } = await this.#docker.createContainer({ ...options, abortSignal });
      await this.#startOrRemove(id);
      return { runtimeId: id, imageDigest: imageId };
    } catch (error) {
      throw new CannotStart('CannotStartContainerError', daemonWords(error));
    }
  }

  /** Raises CannotStart in the words of ECS's agent for an image that its registry does not have. */
  async #imageIdOf(image: string): Promise<string> {
    try {
      return (await this.#docker.getImage(image).inspect()).Id;
    } catch (error) {
      const missing = `pull image manifest has been retried 1 time(s): failed to resolve ref ${image}: not found`;
      const isMissing = engineStatus(error) === 404;
      throw new CannotStart('CannotPullContainerError', isMissing ? missing : daemonWords(error));
    }
  }

  /** By name; one that exists already stays as it is. */
  async #ensureVolume(taskId: string, volume: string): Promise<void> {
    const named = { label: this.#label, taskId };
    await this.#docker.createVolume({ Name: volumeNameOf({ ...named, volume }), Labels: labelsOf(named) });
  }

  /** A start whose answer was lost may have worked, and nobody would know of the container. */
  async #startOrRemove(id: string): Promise<void> {
    try {
      await this.#docker.getContainer(id).start({ abortSignal: AbortSignal.timeout(START_TIMEOUT_MS) });
    } catch (error) {
      await this.#removeContainer(id).catch(() => undefined); // the first error says more
      throw error;
    }
  }

  /** The exit code; null if there is no such container or the engine went away before it said. */
  async #waitOnce(runtimeId: string): Promise<number | null> {
    try {
      return await waitForExit(this.#docker, runtimeId, this.#connection.closed);
    } catch (error) {
      return isAnswer(error) ? unless(404)(error) : null;
    }
  }

  async #inspect(runtimeId: string): Promise<Docker.ContainerInspectInfo | null> {
    return this.#connection.persist((abortSignal) =>
      this.#docker.getContainer(runtimeId).inspect({ abortSignal }).catch(unless(404)),
    );
  }

  /** Nothing to do for one that does not run or is gone. */
  async #signal(runtimeId: string, signal: string): Promise<void> {
    await this.#connection.persist((abortSignal) =>
      this.#docker.getContainer(runtimeId).kill({ signal, abortSignal }).catch(unless(404, 409)),
    );
  }

  /** False if somebody else is removing it at the moment. */
  async #removeContainer(id: string): Promise<boolean> {
    return this.#connection.persist((abortSignal) =>
      removal(this.#docker.getContainer(id).remove({ v: true, force: true, abortSignal })),
    );
  }

  /** Repeats until nothing is listed: a container that is being removed still holds its volumes. */
  async #remove(label: string[]): Promise<void> {
    const deadlineMs = performance.now() + REMOVE_LIMIT_MS;
    while ((await this.#removeListed(label)) > 0) {
      if (performance.now() > deadlineMs) {
        throw new DockerEngineError(
          `Not all that is labelled ${label.join(', ')} could be removed. Use docker rm -f and docker volume rm.`,
        );
      }
      await this.#connection.pause();
    }
  }

  /** How many containers and volumes there were and were not removed at once. */
  async #removeListed(label: string[]): Promise<number> {
    const filters = { label };
    const containers = await this.#connection.persist((abortSignal) =>
      this.#docker.listContainers({ all: true, filters, abortSignal }),
    );
    const removed = await Promise.all(containers.map(({ Id }) => this.#removeContainer(Id)));
    const { Volumes } = await this.#connection.persist((abortSignal) =>
      this.#docker.listVolumes({ filters, abortSignal }),
    );
    const volumes = Volumes ?? []; // null when there are none, whatever the types say
    removed.push(...(await Promise.all(volumes.map(({ Name }) => this.#removeVolume(Name)))));
    return removed.filter((done) => !done).length;
  }

  /** False while a container holds it. */
  async #removeVolume(name: string): Promise<boolean> {
    return this.#connection.persist((abortSignal) => removal(this.#docker.getVolume(name).remove({ abortSignal })));
  }
}

/** The client's types leave it out. */
function stopSignalOf({ Config }: Docker.ContainerInspectInfo): string {
  return 'StopSignal' in Config && typeof Config.StopSignal === 'string' ? Config.StopSignal : 'SIGTERM';
}

/** True once the thing is gone, false if the engine says that it cannot be removed now. */
async function removal(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return true;
  } catch (error) {
    if (engineStatus(error) === 404) return true;
    unless(409)(error);
    return false;
  }
}

/** As ECS's agent passes the engine's answer on. */
function daemonWords(error: unknown): string {
  const message = engineMessage(error);
  return message === null
    ? 'Cannot connect to the Docker daemon. Is the docker daemon running on this host?'
    : `Error response from daemon: ${message}`;
}
