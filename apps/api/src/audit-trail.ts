import { isJobId, PROBLEMS, type AuditAction, type AuditOutcome, type JobId } from '@bpi/job-contract';
import type { Clock } from '@bpi/jobs';
import { ProblemError } from './http/problem-error.ts';
import { callerOf, contextOf, type Caller } from './http/request-context.ts';
import type { Request } from './http/types.ts';
import type { ApiPorts } from './ports.ts';

/**
 * Refusals of one client (and of nobody known) that are written per minute: whoever asks can cause them, and the trail
 * only grows.
 */
const REFUSALS_PER_MINUTE_MAX = 60;
const MINUTE_MS = 60_000;

export type Deed = { action: AuditAction; caller: Caller | null; keyId?: string | null; requestId: string };

/** Who did what to which job, and what became of it: one entry for each thing that was tried. */
export class AuditTrail {
  readonly #ports: Pick<ApiPorts, 'clients' | 'store'>;
  readonly #clock: Clock;
  #minute = { startedMs: Number.NEGATIVE_INFINITY, refusals: new Map<string | null, number>() };

  constructor(ports: Pick<ApiPorts, 'clients' | 'store'>, clock: Clock) {
    this.#ports = ports;
    this.#clock = clock;
  }

  /**
   * Does what a request asks about one job and writes the entry. `work` calls `done` before its first effect that cannot
   * be taken back, such as a byte that is sent; else the entry is written when it is over. An entry that cannot be written
   * is an error, and nothing is sent.
   */
  async act<T>(
    req: Request,
    action: AuditAction,
    id: string,
    work: (done: () => Promise<void>) => Promise<T>,
  ): Promise<T> {
    const deed: Deed = { action, caller: callerOf(req), requestId: contextOf(req).requestId };
    let isWritten = false;
    const done = async (): Promise<void> => {
      if (isWritten) return;
      isWritten = true;
      await this.done(deed, isJobId(id) ? id : null);
    };
    try {
      const answer = await work(done);
      await done();
      return answer;
    } catch (error) {
      if (!isWritten) await this.refused(deed, error, id);
      throw error;
    }
  }

  async done(deed: Deed, jobId: JobId | null): Promise<void> {
    await this.#write(deed, 'done', jobId);
  }

  /** @param id as it was asked: it is written only if it names a job, also of another client, for then it is ours. */
  async refused(deed: Deed, error: unknown, id: string | null = null): Promise<void> {
    const outcome = outcomeOf(error);
    if (!this.#mayWriteRefusal(deed.caller?.clientId ?? null)) return;
    try {
      await this.#write(deed, outcome, await this.#ifKnown(id));
    } catch (unwritten) {
      // What failed first tells more, and is on its way to the log.
      if (outcome !== 'failed') throw unwritten;
    }
  }

  async #ifKnown(id: string | null): Promise<string | null> {
    const isKnown = id !== null && isJobId(id) && (await this.#ports.store.get(id)) !== null;
    return isKnown ? id : null;
  }

  async #write(
    { action, caller, keyId = caller?.keyId ?? null, requestId }: Deed,
    outcome: AuditOutcome,
    jobId: string | null,
  ) {
    const clientId = caller?.clientId ?? null;
    await this.#ports.clients.audit({ atMs: this.#clock.nowMs(), clientId, keyId, action, jobId, outcome, requestId });
  }

  #mayWriteRefusal(clientId: string | null): boolean {
    const nowMs = this.#clock.monotonicMs();
    // A minute's map holds clients with a key of ours only, so it is bounded by their number.
    if (nowMs - this.#minute.startedMs >= MINUTE_MS) this.#minute = { startedMs: nowMs, refusals: new Map() };
    const refusals = (this.#minute.refusals.get(clientId) ?? 0) + 1;
    this.#minute.refusals.set(clientId, refusals);
    return refusals <= REFUSALS_PER_MINUTE_MAX;
  }
}

function outcomeOf(error: unknown): AuditOutcome {
  if (!(error instanceof ProblemError) || PROBLEMS[error.code].status >= 500) return 'failed';
  switch (error.code) {
    case 'not_found':
    case 'gone':
    case 'already_ended':
      return error.code;
    default:
      return 'refused';
  }
}
