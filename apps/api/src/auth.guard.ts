import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { ROUTES } from '@bpi/job-contract';
import type { Clients, Clock } from '@bpi/jobs';
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

/** Refusals written to the audit trail per minute: anybody can cause them, and the trail only grows. */
const AUDITED_REFUSALS_PER_MINUTE_MAX = 60;
const MINUTE_MS = 60_000;

/** Runs before any byte of a body is read. */
export class AuthGuard implements CanActivate {
  readonly #authenticator: Authenticator;
  readonly #clients: Clients;
  readonly #clock: Clock;
  /** By address; see `#refuse`. */
  readonly #refusals: TokenBuckets;
  #minute = { startedMs: Number.NEGATIVE_INFINITY, refusals: 0 };

  constructor(authenticator: Authenticator, clients: Clients, clock: Clock, refusals: TokenBuckets) {
    this.#authenticator = authenticator;
    this.#clients = clients;
    this.#clock = clock;
    this.#refusals = refusals;
  }

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const http = execution.switchToHttp();
    const req = http.getRequest<Request>();
    if (PUBLIC_ROUTES.has(routeOf(req))) return true;
    const identity = await this.#authenticator.identify(req);
    if (identity.kind === 'refused') {
      await this.#auditRefusal(identity.keyId, contextOf(req).requestId);
      this.#refuse(req, http.getResponse<Response>());
    }
    contextOf(req).caller = identity.caller;
    return true;
  }

  /**
   * Whoever fails again and again is told to wait and loses the connection. The count is looked at only after the key:
   * behind a proxy everybody has one address, and nobody must be able to lock out a client that has a key.
   */
  #refuse(req: Request, res: Response): never {
    const { isAllowed, retryAfterS } = this.#refusals.take(req.socket.remoteAddress ?? '');
    if (isAllowed) throw new ProblemError('unauthorized', { headers: { 'WWW-Authenticate': 'Bearer' } });
    res.shouldKeepAlive = false;
    throw new ProblemError('rate_limited', { headers: { 'Retry-After': String(retryAfterS) } });
  }

  async #auditRefusal(keyId: string | null, requestId: string): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#minute.startedMs >= MINUTE_MS) this.#minute = { startedMs: nowMs, refusals: 0 };
    this.#minute.refusals += 1;
    if (this.#minute.refusals > AUDITED_REFUSALS_PER_MINUTE_MAX) return;
    const atMs = this.#clock.nowMs();
    await this.#clients.audit({ atMs, clientId: null, keyId, action: 'auth.refused', jobId: null, requestId });
  }
}
