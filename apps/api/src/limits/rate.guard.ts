import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { ProblemError } from '../http/problem-error.ts';
import { contextOf, routeOf } from '../http/request-context.ts';
import type { Request, Response } from '../http/types.ts';
import { operationOf, type RateLimits } from './rate-limits.ts';

/** The bucket of the keyless client of a loopback composition; no key has this id. */
const KEYLESS = '';

/** Runs behind the guard that knows the caller, before any byte of a body is read. Routes without a caller have no limit. */
export class RateGuard implements CanActivate {
  readonly #limits: RateLimits;

  constructor(limits: RateLimits) {
    this.#limits = limits;
  }

  canActivate(execution: ExecutionContext): boolean {
    const http = execution.switchToHttp();
    const req = http.getRequest<Request>();
    const { caller } = contextOf(req);
    if (caller === null) return true;
    const verdict = this.#limits.take(operationOf(routeOf(req)), caller.keyId ?? KEYLESS);
    const res = http.getResponse<Response>();
    for (const [name, value] of Object.entries(verdict.headers)) res.setHeader(name, value);
    if (verdict.isAllowed) return true;
    throw new ProblemError('rate_limited', { headers: { 'Retry-After': String(verdict.retryAfterS) } });
  }
}
