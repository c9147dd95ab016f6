import { Controller, Get, Inject, Query, Req } from '@nestjs/common';
import { listQuerySchema, type JobList, type ListQuery } from '@bpi/job-contract';
import { isGone, type Clock, type JobPage, type ListAsk, type Room } from '@bpi/jobs';
import { callerOf } from './http/request-context.ts';
import type { Request } from './http/types.ts';
import { cursorOf, positionOfCursor } from './list-cursor.ts';
import { parseQuery } from './parse-query.ts';
import type { ApiPorts } from './ports.ts';
import type { ApiSettings } from './settings.ts';
import { statusBody } from './status-body.ts';
import { CLOCK, PORTS, SETTINGS } from './tokens.ts';

@Controller()
export class ListController {
  readonly #ports: ApiPorts;
  readonly #settings: ApiSettings;
  readonly #clock: Clock;

  constructor(@Inject(PORTS) ports: ApiPorts, @Inject(SETTINGS) settings: ApiSettings, @Inject(CLOCK) clock: Clock) {
    this.#ports = ports;
    this.#settings = settings;
    this.#clock = clock;
  }

  @Get('jobs')
  async list(@Query() query: unknown, @Req() req: Request): Promise<JobList> {
    const ask = askOf(parseQuery(listQuerySchema, query), callerOf(req).clientId);
    const page = await this.#ports.store.list(ask);
    const rooms = await this.#roomsOf(page);
    const at = { nowMs: this.#clock.nowMs(), deployment: this.#settings.retention };
    // A record whose time is over is gone at once; a page may be short for it.
    const shown = page.jobs.filter(({ job }) => !isGone(job, at));
    return {
      jobs: shown.map((stored) => statusBody(stored, rooms.get(stored.job.pool) ?? null, at)),
      ...(page.next === null ? {} : { next_cursor: cursorOf(page.next) }),
    };
  }

  /** Of the pools that queued jobs of the page wait for, each asked once. */
  async #roomsOf({ jobs }: JobPage): Promise<ReadonlyMap<string, Room>> {
    const queued = jobs.filter(({ job }) => job.phase === 'queued');
    const pools = [...new Set(queued.map(({ job }) => job.pool))];
    return new Map(await Promise.all(pools.map(async (pool) => [pool, await this.#ports.store.room(pool)] as const)));
  }
}

function askOf({ status, model, external_job_id, limit, cursor }: ListQuery, clientId: string): ListAsk {
  return {
    clientId,
    limit,
    ...(status === undefined ? {} : { status }),
    ...(model === undefined ? {} : { model }),
    ...(external_job_id === undefined ? {} : { externalJobId: external_job_id }),
    ...(cursor === undefined ? {} : { before: positionOfCursor(cursor) }),
  };
}
