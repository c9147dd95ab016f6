import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { LIMITS, logsKey, logsQuerySchema } from '@bpi/job-contract';
import { isExpired, readText, type Clock } from '@bpi/jobs';
import type { AuditTrail } from './audit-trail.ts';
import { ProblemError } from './http/problem-error.ts';
import { callerOf } from './http/request-context.ts';
import type { Request, Response } from './http/types.ts';
import { findOwnJob } from './job-lookup.ts';
import { parseQuery } from './parse-query.ts';
import type { ApiPorts } from './ports.ts';
import type { ApiSettings } from './settings.ts';
import { CLOCK, PORTS, SETTINGS, TRAIL } from './tokens.ts';

/** What a model printed. It may quote the client's prompts: for the job's owner only, and never for a log of ours. */
@Controller()
export class LogsController {
  readonly #ports: ApiPorts;
  readonly #settings: ApiSettings;
  readonly #clock: Clock;
  readonly #trail: AuditTrail;

  constructor(
    @Inject(PORTS) ports: ApiPorts,
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(CLOCK) clock: Clock,
    @Inject(TRAIL) trail: AuditTrail,
  ) {
    this.#ports = ports;
    this.#settings = settings;
    this.#clock = clock;
    this.#trail = trail;
  }

  /** Of the newest attempt unless another is asked for; there is none before that attempt's model ended. */
  @Get('jobs/:job_id/logs')
  async logs(
    @Param('job_id') id: string,
    @Query() query: unknown,
    @Req() req: Request,
    @Res() res: Response,
  ): Promise<void> {
    await this.#trail.act(req, 'logs.read', id, async (done) => {
      const body = await this.#read(id, query, callerOf(req).clientId);
      await done();
      res.setHeader('Content-Type', 'text/plain; charset=utf-8');
      res.setHeader('Content-Length', body.length);
      res.end(req.method === 'HEAD' ? undefined : body);
    });
  }

  async #read(id: string, query: unknown, clientId: string): Promise<Buffer> {
    const at = { nowMs: this.#clock.nowMs(), deployment: this.#settings.retention };
    const { job } = await findOwnJob(this.#ports.store, id, clientId, at);
    const { attempt = job.attempt?.epoch, tail } = parseQuery(logsQuerySchema, query);
    if (isExpired(job, 'logs', at)) throw new ProblemError('gone');
    const text =
      attempt === undefined
        ? null
        : await readText(this.#ports.objects, logsKey(job.jobId, attempt), LIMITS.modelLogBytesMax);
    if (text === null) throw new ProblemError('not_found');
    return Buffer.from(tail === undefined ? text : lastLines(text, tail));
  }
}

/** A newline at the end ends the last line and begins no other. */
function lastLines(text: string, count: number): string {
  let start = text.endsWith('\n') ? text.length - 1 : text.length;
  for (let lines = 0; lines < count; lines += 1) {
    if (start <= 0) return text;
    start = text.lastIndexOf('\n', start - 1);
    if (start < 0) return text;
  }
  return text.slice(start + 1);
}
