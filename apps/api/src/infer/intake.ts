import { randomUUID } from 'node:crypto';
import { errorFields, jobIdSchema, type JobRecord, type Log } from '@bpi/job-contract';
import { isGone, submitJob, type Catalogue, type Clock, type SubmitResult } from '@bpi/jobs';
import type { AuditTrail } from '../audit-trail.ts';
import { ProblemError } from '../http/problem-error.ts';
import { callerOf, contextOf, type Caller } from '../http/request-context.ts';
import type { Request, Response } from '../http/types.ts';
import type { CheckPool } from '../input-check/check-pool.ts';
import type { ApiPorts } from '../ports.ts';
import type { ApiSettings } from '../settings.ts';
import { receiveUpload } from '../upload/receive-upload.ts';
import type { Scratch, ScratchLease } from '../upload/scratch.ts';
import { UploadGate, type UploadLoad } from '../upload/upload-gate.ts';
import { checkUploadHead } from '../upload/upload-head.ts';
import { composeSubmission, inputPolicyOf, keyDigestOf } from './compose-submission.ts';
import { parseOrder } from './parse-order.ts';

export type IntakeOptions = {
  ports: ApiPorts;
  catalogue: Catalogue;
  settings: ApiSettings;
  scratch: Scratch;
  checks: CheckPool;
  clock: Clock;
  log: Log;
  trail: AuditTrail;
};

export type Accepted = { job: JobRecord; isReplay: boolean };

/** From an upload to an accepted job. Whatever happens, nothing of the request is left on the scratch disk. */
export class Intake {
  readonly #with: IntakeOptions;
  readonly #gate: UploadGate;

  constructor(options: IntakeOptions) {
    this.#with = options;
    this.#gate = new UploadGate(options.settings);
  }

  get inFlight(): UploadLoad {
    return this.#gate.inFlight;
  }

  /** @throws ProblemError */
  async accept(http: { req: Request; res: Response }): Promise<Accepted> {
    try {
      return await this.#accept(http);
    } catch (error) {
      const { requestId } = contextOf(http.req);
      await this.#with.trail.refused({ action: 'submit', caller: callerOf(http.req), requestId }, error);
      throw error;
    }
  }

  async #accept(http: { req: Request; res: Response }): Promise<Accepted> {
    const { settings, scratch } = this.#with;
    const startedMs = this.#with.clock.monotonicMs();
    const caller = callerOf(http.req);
    const head = checkUploadHead(http.req.headers, settings.uploadBytesMax);
    const uploadBytes = Math.min(head.bodyBytes ?? settings.uploadBytesMax, settings.uploadBytesMax);
    const leave = this.#gate.enter(caller.clientId, uploadBytes);
    try {
      await this.#refuseLongQueue(caller.clientId, head.idempotencyKey);
      const lease = await scratch.lease(uploadBytes);
      try {
        const { result, bytes } = await this.#submit(http, { caller, lease, idempotencyKey: head.idempotencyKey });
        if (result.kind === 'mismatch') throw new ProblemError('idempotency_mismatch');
        // The tombstone blocks the key for as long as it counts: nothing that was deleted comes back by a repetition.
        const at = { nowMs: this.#with.clock.nowMs(), deployment: settings.retention };
        if (isGone(result.job, at)) throw new ProblemError('gone');
        const accepted = { job: result.job, isReplay: result.kind === 'replayed' };
        await this.#note(accepted, { caller, requestId: contextOf(http.req).requestId, bytes, startedMs });
        return accepted;
      } finally {
        await lease.release();
      }
    } finally {
      leave();
    }
  }

  /**
   * Uploads under way count as queued: each may become a job. A request that repeats an accepted one makes none, so it is
   * let through.
   */
  async #refuseLongQueue(clientId: string, idempotencyKey: string | null): Promise<void> {
    const { settings, ports, clock } = this.#with;
    const max = settings.queuedJobsPerClientMax;
    const others = this.#gate.uploadsOf(clientId) - 1;
    if ((await ports.store.countQueued(clientId, max)) + others < max) return;
    if (idempotencyKey !== null) {
      if (await ports.store.hasClaim(keyDigestOf(clientId, idempotencyKey), clock.nowMs())) return;
    }
    throw new ProblemError('too_many_queued_jobs');
  }

  async #submit(
    http: { req: Request; res: Response },
    given: { caller: Caller; lease: ScratchLease; idempotencyKey: string | null },
  ): Promise<{ result: SubmitResult; bytes: number }> {
    const { settings, catalogue, checks, ports, clock } = this.#with;
    const { lease } = given;
    const { fields, bytes } = await receiveUpload(http, lease.upload, settings);
    const order = parseOrder(fields, catalogue, settings.defaultModel);
    const policy = inputPolicyOf(order.model, settings.uploadBytesMax);
    const { affine, spacingOrder } = order;
    const summary = await checks.rebuild({
      sourcePath: lease.uploadPath,
      targetPath: lease.rebuiltPath,
      policy,
      geometry: { affine, spacingOrder },
    });
    const submission = composeSubmission({
      jobId: jobIdSchema.parse(randomUUID()),
      clientId: given.caller.clientId,
      nowMs: clock.nowMs(),
      order,
      summary,
      inputPath: lease.rebuiltPath,
      idempotencyKey: given.idempotencyKey,
      settings,
    });
    return { result: await submitJob(ports, submission), bytes };
  }

  async #note(
    { job, isReplay }: Accepted,
    about: { caller: Caller; requestId: string; bytes: number; startedMs: number },
  ): Promise<void> {
    const { caller, requestId, bytes } = about;
    const { clock, log, trail } = this.#with;
    const { jobId } = job;
    try {
      await trail.done({ action: 'submit', caller, requestId }, jobId);
    } catch (error) {
      // The job is accepted: an answer that says otherwise would make the client send it again.
      log('http.failed', { requestId, route: '/infer', ...errorFields(error) });
    }
    const durationMs = Math.round(clock.monotonicMs() - about.startedMs);
    const { clientId } = caller;
    log('job.submitted', { jobId, clientId, model: job.model.name, bytes, durationMs, replayed: isReplay });
  }
}
