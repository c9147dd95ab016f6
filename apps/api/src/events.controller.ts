import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { JobRecord } from '@bpi/job-contract';
import { isGone, type Clock, type StoredJob } from '@bpi/jobs';
import { EventStream } from './events/event-stream.ts';
import { isToldAll, NOTHING_TOLD, positionOf, type LifePosition } from './events/life-of.ts';
import { clientGone } from './http/client-gone.ts';
import { ProblemError } from './http/problem-error.ts';
import { callerOf, contextOf } from './http/request-context.ts';
import type { Request, Response } from './http/types.ts';
import { findOwnJob, type Moment } from './job-lookup.ts';
import type { ApiPorts } from './ports.ts';
import type { ApiSettings } from './settings.ts';
import { CLOCK, PORTS, SETTINGS, WAITING } from './tokens.ts';
import type { Waiting } from './waiting/waiting.ts';

const RETRY_AFTER_S = '10';

/** A job's life as it happens. Refusals are problems like everywhere: they come before the stream begins. */
@Controller()
export class EventsController {
  readonly #ports: ApiPorts;
  readonly #settings: ApiSettings;
  readonly #clock: Clock;
  readonly #waiting: Waiting;

  constructor(
    @Inject(PORTS) ports: ApiPorts,
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(CLOCK) clock: Clock,
    @Inject(WAITING) waiting: Waiting,
  ) {
    this.#ports = ports;
    this.#settings = settings;
    this.#clock = clock;
    this.#waiting = waiting;
  }

  @Get('jobs/:job_id/events')
  async events(@Param('job_id') id: string, @Req() req: Request, @Res() res: Response): Promise<void> {
    if (this.#settings.events === 'not_offered') throw new ProblemError('events_not_offered');
    const { clientId } = callerOf(req);
    const stored = await findOwnJob(this.#ports.store, id, clientId, this.#now());
    const position = startOf(stored.job, req.headers['last-event-id']);
    if (isToldAll(position)) {
      // The one answer after which a browser's EventSource does not ask again.
      res.status(204).end();
      return;
    }
    const leave = this.#waiting.streams.enter(clientId);
    if (leave === null) throw new ProblemError('too_many_streams', { headers: { 'Retry-After': RETRY_AFTER_S } });
    const startedMs = this.#clock.monotonicMs();
    try {
      res.setHeader('Content-Type', 'text/event-stream');
      res.setHeader('X-Accel-Buffering', 'no');
      if (req.method !== 'HEAD') await this.#stream(stored, position, res);
      res.end();
    } finally {
      leave();
      contextOf(req).heldMs += this.#clock.monotonicMs() - startedMs;
    }
  }

  #now(): Moment {
    return { nowMs: this.#clock.nowMs(), deployment: this.#settings.retention };
  }

  #stream(stored: StoredJob, position: LifePosition, res: Response): Promise<void> {
    const { jobId } = stored.job;
    const look = async (): Promise<StoredJob | null> => {
      const now = await this.#ports.store.get(jobId);
      return now === null || isGone(now.job, this.#now()) ? null : now;
    };
    const parts = { settings: this.#settings, watch: this.#waiting.watch, clock: this.#clock, gone: clientGone(res) };
    return new EventStream({ ...parts, out: res, look }, position).tell(stored);
  }
}

/** @param lastEventId as a header comes; empty counts as none. */
function startOf(job: JobRecord, lastEventId: string | string[] | undefined): LifePosition {
  if (lastEventId === undefined || lastEventId === '') return NOTHING_TOLD;
  const position = typeof lastEventId === 'string' ? positionOf(job, lastEventId) : null;
  if (position === null) throw new ProblemError('last_event_id_invalid');
  return position;
}
