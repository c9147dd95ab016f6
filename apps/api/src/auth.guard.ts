import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { ROUTES } from '@bpi/job-contract';
import type { AuditTrail } from './audit-trail.ts';
import type { Authenticator } from './authenticator.ts';
import { ProblemError } from './http/problem-error.ts';
import { contextOf, routeOf } from './http/request-context.ts';
import { routePath } from './http/route-path.ts';
import type { Request, Response } from './http/types.ts';
import type { TokenBuckets } from './limits/token-buckets.ts';

/** Everything else needs a caller: a new route is closed until the table of routes opens it. */
const PUBLIC_ROUTES: ReadonlySet<string> = new Set(
  ROUTES.filter(({ access }) => access === 'public').map(({ path }) => routePath(path)),
);

/** Runs before any byte of a body is read. */
export class AuthGuard implements CanActivate {
  readonly #authenticator: Authenticator;
  readonly #trail: AuditTrail;
  /** By address; see `#refusalOf`. */
  readonly #refusals: TokenBuckets;

  constructor(authenticator: Authenticator, trail: AuditTrail, refusals: TokenBuckets) {
    this.#authenticator = authenticator;
    this.#trail = trail;
    this.#refusals = refusals;
  }

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const http = execution.switchToHttp();
    const req = http.getRequest<Request>();
    if (PUBLIC_ROUTES.has(routeOf(req))) return true;
    const identity = await this.#authenticator.identify(req);
    if (identity.kind === 'refused') {
      const refusal = this.#refusalOf(req, http.getResponse<Response>());
      const { requestId } = contextOf(req);
      await this.#trail.refused({ action: 'auth.refused', caller: null, keyId: identity.keyId, requestId }, refusal);
      throw refusal;
    }
    contextOf(req).caller = identity.caller;
    return true;
  }

  /**
   * Whoever fails again and again is told to wait and loses the connection. The count is looked at only after the key:
   * behind a proxy everybody has one address, and nobody must be able to lock out a client that has a key.
   */
  #refusalOf(req: Request, res: Response): ProblemError {
    const { isAllowed, retryAfterS } = this.#refusals.take(req.socket.remoteAddress ?? '');
    if (isAllowed) return new ProblemError('unauthorized', { headers: { 'WWW-Authenticate': 'Bearer' } });
    res.shouldKeepAlive = false;
    return new ProblemError('rate_limited', { headers: { 'Retry-After': String(retryAfterS) } });
  }
}
