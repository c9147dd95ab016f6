import { addAbortSignal, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type Docker from 'dockerode';
import type { AttemptFolder } from './attempt-folder.ts';
import { engineStatus, TaskRunnerError, throwEngineError } from './task-runner-error.ts';

/** While the engine starts a container it answers late; one that says nothing for so long is stuck. */
const INSPECT_TIMEOUT_MS = 30_000;

/** What the engine says about an attempt's container. */
export type ContainerState = {
  id: string;
  running: boolean;
  /** Milliseconds since 1970; null = it was created and never ran. */
  startedAtMs: number | null;
  endedAtMs: number | null;
  exitCode: number;
  oomKilled: boolean;
};

type ModemRequest = {
  path: string;
  method: string;
  isStream: boolean;
  abortSignal: AbortSignal;
  /** What each status means; true = success. */
  statusCodes: Record<number, string | true>;
};

/** What is used of the client's own transport. */
type Modem = {
  dial(request: ModemRequest, answered: (error: Error | null, answer: unknown) => void): void;
};

export type StartResult = 'started' | 'vanished' | 'device_unavailable' | 'image_unavailable' | 'failed';

/** The container of one attempt, by its name. Every method is safe to repeat and raises TaskRunnerError. */
export class ModelContainer {
  readonly #docker: Docker;
  readonly #name: string;

  constructor(docker: Docker, folder: Pick<AttemptFolder, 'ref'>) {
    this.#docker = docker;
    this.#name = folder.ref;
  }

  /** Null if there is none. */
  async inspect(): Promise<ContainerState | null> {
    const abortSignal = AbortSignal.timeout(INSPECT_TIMEOUT_MS);
    const found = await this.#docker.getContainer(this.#name).inspect({ abortSignal }).catch(unless(404));
    if (found === null) return null;
    const { State } = found;
    return {
      id: found.Id,
      running: State.Running || State.Restarting,
      startedAtMs: engineTimeMs(State.StartedAt),
      endedAtMs: engineTimeMs(State.FinishedAt),
      exitCode: State.ExitCode,
      oomKilled: State.OOMKilled,
    };
  }

  /** Creates the container, or finds the one that another driver created. Null if the image is gone. */
  async ensureCreated(options: Docker.ContainerCreateOptions): Promise<{ id: string } | null> {
    try {
      return await this.#docker.createContainer(options);
    } catch (error) {
      if (engineStatus(error) === 404) return null;
      if (engineStatus(error) !== 409) throwEngineError(error);
      // Removed again between the two calls: an error in passing, the driver comes again.
      return (await this.inspect()) ?? throwEngineError(error);
    }
  }

  /**
   * Starts by id, never by name: a stalled driver's late call must not hit a container that somebody else created
   * under the same name after a stop.
   */
  async start(id: string): Promise<StartResult> {
    try {
      await this.#docker.getContainer(id).start();
      return 'started';
    } catch (error) {
      switch (engineStatus(error)) {
        case 304:
          return 'started';
        case 404:
          return 'vanished';
        case 400:
          return 'image_unavailable'; // it has no such program, or not for this machine
        case 500:
          return isDeviceError(error) ? 'device_unavailable' : 'failed';
        default:
          return throwEngineError(error);
      }
    }
  }

  /**
   * Resolves as soon as the container does not run, with the engine's delay only. Null if there is none. As a stream,
   * because the engine sends its headers at once and its answer at the end: the client's own `wait` never settles
   * when the engine goes away in between (docker-modem 5 listens to neither `error` nor `close` of an answer).
   */
  async wait(id: string, signal: AbortSignal): Promise<'ended' | null> {
    try {
      const answer = await this.#dialWait(id, signal);
      addAbortSignal(signal, answer);
      answer.resume();
      await finished(answer);
      return 'ended';
    } catch (error) {
      return unless(404)(error);
    }
  }

  #dialWait(id: string, signal: AbortSignal): Promise<Readable> {
    const modem = this.#docker.modem as Modem; // the client's types leave it open
    const request: ModemRequest = {
      path: `/containers/${id}/wait`,
      method: 'POST',
      isStream: true,
      abortSignal: signal,
      statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
    };
    return new Promise((resolve, reject) => {
      modem.dial(request, (error, answer) => {
        if (error !== null) reject(error);
        else if (answer instanceof Readable) resolve(answer);
        else reject(new TaskRunnerError('engine_failed'));
      });
    });
  }

  /** SIGTERM, and SIGKILL after the grace. Resolves when it stopped. */
  async stop(graceMs: number): Promise<void> {
    await this.#docker
      .getContainer(this.#name)
      .stop({ t: Math.ceil(graceMs / 1_000) })
      .catch(unless(304, 404));
  }

  async kill(): Promise<void> {
    await this.#docker.getContainer(this.#name).kill().catch(unless(404, 409));
  }

  /** stdout and stderr as the engine frames them; it keeps no more than its own log limit. */
  async framedLogs(id: string): Promise<Buffer> {
    const logs = await this.#docker.getContainer(id).logs({ stdout: true, stderr: true }).catch(unless(404));
    return logs ?? Buffer.alloc(0);
  }

  /** False if it runs and therefore stays. */
  async removeUnlessRunning(): Promise<boolean> {
    try {
      await this.#docker.getContainer(this.#name).remove({ v: true });
    } catch (error) {
      if (isRunningConflict(error)) return false;
      unless(404, 409)(error);
    }
    return true;
  }

  async removeByForce(): Promise<void> {
    await this.#docker.getContainer(this.#name).remove({ v: true, force: true }).catch(unless(404, 409));
  }
}

/** Null for the given answers of the engine, which say that there is nothing to do; others are raised. */
function unless(...statuses: number[]): (error: unknown) => null {
  return (error) => {
    const status = engineStatus(error);
    if (status !== null && statuses.includes(status)) return null;
    return throwEngineError(error);
  };
}

/** 409 stands for "it runs" and for "it is being removed already"; only the words tell them apart. */
function isRunningConflict(error: unknown): boolean {
  return engineStatus(error) === 409 && error instanceof Error && /running container/i.test(error.message);
}

/** Words of the engine and of NVIDIA's hook; the status alone does not tell. */
function isDeviceError(error: unknown): boolean {
  return error instanceof Error && /device driver|nvidia-container|libnvidia|no such device/i.test(error.message);
}

/** The engine writes year 1 for "never". */
function engineTimeMs(text: string): number | null {
  const ms = Date.parse(text);
  return ms > 0 ? ms : null;
}
