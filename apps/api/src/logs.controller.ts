import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { LIMITS, logsKey, logsQuerySchema } from '@bpi/job-contract';
import { readText, type Clock } from '@bpi/jobs';
import { ProblemError } from './http/problem-error.ts';
import { callerOf, contextOf } from './http/request-context.ts';
import type { Request, Response } from './http/types.ts';
import { findOwnJob } from './job-lookup.ts';
import { parseQuery } from './parse-query.ts';
import type { ApiPorts } from './ports.ts';
import { CLOCK, PORTS } from './tokens.ts';

/** What a model printed. It may quote the client's prompts: for the job's owner only, and never for a log of ours. */
@Controller()
export class LogsController {
  readonly #ports: ApiPorts;
  readonly #clock: Clock;

  constructor(@Inject(PORTS) ports: ApiPorts, @Inject(CLOCK) clock: Clock) {
    this.#ports = ports;
    this.#clock = clock;
  }

  /** Of the newest attempt unless another is asked for; there is none before that attempt's model ended. */
  @Get('jobs/:job_id/logs')
  async logs(
    @Param('job_id') id: string,
    @Query() query: unknown,
    @Req() req: Request,
    @Res() res: Response,
  ): Promise<void> {
    const caller = callerOf(req);
    const { job } = await findOwnJob(this.#ports.store, id, caller.clientId);
    const { attempt = job.attempt?.epoch, tail } = parseQuery(logsQuerySchema, query);
    const text =
      attempt === undefined
        ? null
        : await readText(this.#ports.objects, logsKey(job.jobId, attempt), LIMITS.modelLogBytesMax);
    if (text === null) throw new ProblemError('not_found');
    const { requestId } = contextOf(req);
    const atMs = this.#clock.nowMs();
    await this.#ports.clients.audit({ atMs, ...caller, action: 'logs.read', jobId: job.jobId, requestId });
    const body = Buffer.from(tail === undefined ? text : lastLines(text, tail));
    res.setHeader('Content-Type', 'text/plain; charset=utf-8');
    res.setHeader('Content-Length', body.length);
    res.end(req.method === 'HEAD' ? undefined : body);
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
