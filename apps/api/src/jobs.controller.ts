import { createHash } from 'node:crypto';
import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import {
  isJobId,
  isTerminal,
  statusQuerySchema,
  type DeletionBody,
  type JobId,
  type Log,
  type StatusBody,
} from '@bpi/job-contract';
import { cancelJob, deleteJob, isGone, markOf, type Clock, type StoredJob } from '@bpi/jobs';
import type { AuditTrail } from './audit-trail.ts';
import { clientGone } from './http/client-gone.ts';
import { isNotModified } from './http/entity-tag.ts';
import { ProblemError } from './http/problem-error.ts';
import { callerOf, contextOf } from './http/request-context.ts';
import type { Request, Response } from './http/types.ts';
import { findOwnJob, type Moment } from './job-lookup.ts';
import { parseQuery } from './parse-query.ts';
import type { ApiPorts } from './ports.ts';
import type { ApiSettings } from './settings.ts';
import { statusBody } from './status-body.ts';
import { CLOCK, LOG, PORTS, SETTINGS, TRAIL, WAITING } from './tokens.ts';
import type { Waiting } from './waiting/waiting.ts';

/** When asking again may show something new. */
const RETRY_AFTER_S = '1';

type Look = { jobId: JobId; mark: string; body: StatusBody; etag: string };

@Controller()
export class JobsController {
  readonly #ports: ApiPorts;
  readonly #settings: ApiSettings;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #trail: AuditTrail;
  readonly #waiting: Waiting;

  constructor(
    @Inject(PORTS) ports: ApiPorts,
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(CLOCK) clock: Clock,
    @Inject(LOG) log: Log,
    @Inject(TRAIL) trail: AuditTrail,
    @Inject(WAITING) waiting: Waiting,
  ) {
    this.#ports = ports;
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.#trail = trail;
    this.#waiting = waiting;
  }

  /**
   * With `wait` and `If-None-Match` held until the entity tag is another one, with `wait` alone until the job has ended. What
   * changes without the record (what a queued job waits for) ends no wait; the answer shows it all the same.
   */
  @Get('status/:job_id')
  async status(
    @Param('job_id') id: string,
    @Query() query: unknown,
    @Req() req: Request,
    @Res({ passthrough: true }) res: Response,
  ): Promise<StatusBody | undefined> {
    const ifNoneMatch = req.headers['if-none-match'];
    const { clientId } = callerOf(req);
    const look = () => this.#look(id, clientId);
    const first = await look();
    const { wait } = parseQuery(statusQuerySchema, query);
    const held = await this.#waiting.hold.until({
      clientId,
      waitSeconds: wait ?? 0,
      first,
      look,
      isDue: ({ body, etag }) =>
        ifNoneMatch === undefined ? isTerminal(body.phase) : !isNotModified(ifNoneMatch, etag),
      gone: clientGone(res),
      context: contextOf(req),
    });
    if (wait !== undefined) res.setHeader('Preference-Applied', `wait=${held.waitSeconds}`);
    const { body, etag } = held.seen;
    res.setHeader('ETag', etag);
    if (!isTerminal(body.phase)) res.setHeader('Retry-After', RETRY_AFTER_S);
    if (!isNotModified(ifNoneMatch, etag)) return body;
    res.status(304);
    return undefined;
  }

  @Post('jobs/:job_id/cancel')
  @HttpCode(202)
  async cancel(@Param('job_id') id: string, @Req() req: Request): Promise<StatusBody> {
    await this.#trail.act(req, 'cancel', id, () => this.#cancel(id, callerOf(req).clientId));
    const at = this.#now();
    return this.#bodyOf(await findOwnJob(this.#ports.store, id, callerOf(req).clientId, at), at);
  }

  /** Cancels first if needed; the files go as soon as no task can write any more. */
  @Delete('jobs/:job_id')
  @HttpCode(202)
  async delete(@Param('job_id') id: string, @Req() req: Request): Promise<DeletionBody> {
    return this.#trail.act(req, 'delete', id, () => this.#delete(id, callerOf(req).clientId));
  }

  async #cancel(id: string, clientId: string): Promise<void> {
    const at = this.#now();
    if (!isJobId(id)) throw new ProblemError('not_found');
    const result = await cancelJob(this.#ports, { jobId: id, clientId, nowMs: at.nowMs });
    if (result.kind === 'not_found') throw new ProblemError('not_found');
    if (result.kind === 'gone' || isGone(result.job, at)) throw new ProblemError('gone');
    if (result.kind === 'ended') throw new ProblemError('already_ended');
    this.#log('job.cancel', { jobId: id, clientId });
  }

  async #delete(id: string, clientId: string): Promise<DeletionBody> {
    if (!isJobId(id)) throw new ProblemError('not_found');
    const result = await deleteJob(this.#ports, { jobId: id, clientId, nowMs: this.#clock.nowMs() });
    if (result.kind === 'not_found') throw new ProblemError('not_found');
    this.#log('job.delete', { jobId: id, clientId });
    return { job_id: id, deletion: 'requested' };
  }

  #now(): Moment {
    return { nowMs: this.#clock.nowMs(), deployment: this.#settings.retention };
  }

  async #look(id: string, clientId: string): Promise<Look> {
    const at = this.#now();
    const stored = await findOwnJob(this.#ports.store, id, clientId, at);
    const body = await this.#bodyOf(stored, at);
    // Over the whole body: what a job waits for can change without its record or its progress changing.
    const etag = `"${createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 32)}"`;
    return { jobId: stored.job.jobId, mark: markOf(stored), body, etag };
  }

  async #bodyOf(stored: StoredJob, at: Moment): Promise<StatusBody> {
    const { job } = stored;
    const room = job.phase === 'queued' ? await this.#ports.store.room(job.pool) : null;
    return statusBody(stored, room, at);
  }
}
