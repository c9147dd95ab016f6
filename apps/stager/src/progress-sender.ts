import type { StagerMessage } from '@bpi/adapters-aws';
import { errorFields, type JobId, type Log } from '@bpi/job-contract';
import type { Clock } from '@bpi/jobs';
import type { ProgressLine } from '@bpi/model-files';

export const SEND_LIMITS = {
  /** Between the beginnings of two sends, also after one that failed. */
  intervalMs: 1_000,
  heartbeatMs: 60_000,
  timeoutMs: 5_000,
  /** Between two notes in the log that sending fails. */
  failureLogMs: 60_000,
} as const;

export type ProgressSenderOptions = {
  attempt: { jobId: JobId; epoch: number };
  send: (message: StagerMessage, signal: AbortSignal) => Promise<void>;
  clock: Pick<Clock, 'monotonicMs'>;
  log: Log;
};

/**
 * Tells the worker how far an attempt is: the newest progress, at most once a second and only when it changed, and a
 * heartbeat when there was nothing to tell for a minute. All of it is a courtesy, so a send that fails is only logged.
 */
export class ProgressSender {
  readonly #options: ProgressSenderOptions;
  /** Not sent yet. */
  #newest: ProgressLine | null = null;
  #sent: ProgressLine | null = null;
  #wakeWanted = false;
  #sending = false;
  #triedAtMs = -Infinity;
  #sentAtMs: number;
  #failureLoggedAtMs = -Infinity;

  constructor(options: ProgressSenderOptions) {
    this.#options = options;
    this.#sentAtMs = options.clock.monotonicMs();
  }

  note(progress: ProgressLine): void {
    const changed = progress.fraction !== this.#sent?.fraction || progress.step !== this.#sent.step;
    this.#newest = changed ? progress : null;
  }

  /** The worker should look at the job: with the next tick, whatever there is to tell. */
  wake(): void {
    this.#wakeWanted = true;
  }

  /** Sends what is due. Resolves when it was sent, or could not be; never rejects. Call it often. */
  async tick(signal: AbortSignal): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#sending || signal.aborted || nowMs - this.#triedAtMs < SEND_LIMITS.intervalMs) return;
    const progress = this.#newest;
    if (progress === null && !this.#wakeWanted && nowMs - this.#sentAtMs < SEND_LIMITS.heartbeatMs) return;
    this.#sending = true;
    this.#triedAtMs = nowMs;
    try {
      await this.#send(progress, signal);
    } catch (error) {
      if (!signal.aborted) this.#logFailure(error);
    } finally {
      this.#sending = false;
    }
  }

  async #send(progress: ProgressLine | null, signal: AbortSignal): Promise<void> {
    const { attempt, clock, send } = this.#options;
    const message: StagerMessage =
      progress === null ? { kind: 'heartbeat', ...attempt } : { kind: 'progress', ...attempt, ...progress };
    await send(message, AbortSignal.any([signal, AbortSignal.timeout(SEND_LIMITS.timeoutMs)]));
    this.#sentAtMs = clock.monotonicMs();
    this.#wakeWanted = false;
    if (progress === null) return;
    this.#sent = progress;
    if (this.#newest === progress) this.#newest = null;
  }

  #logFailure(error: unknown): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#failureLoggedAtMs < SEND_LIMITS.failureLogMs) return;
    this.#failureLoggedAtMs = nowMs;
    this.#options.log('loop.failed', { loop: 'task-events', ...errorFields(error) });
  }
}
