import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Log, ProblemCode } from '@bpi/job-contract';
import type { Clock } from '@bpi/jobs';
import type { NextFunction, Request, Response } from './types.ts';

/** Who calls. `keyId` is null for the keyless client of a loopback composition. */
export type Caller = { clientId: string; keyId: string | null };

export type RequestContext = {
  /** Ours: a header of that name that the client sent is never looked at. */
  readonly requestId: string;
  /** For how long the answer was held open because its client asked for that. */
  heldMs: number;
  /** Set by the guard. */
  caller: Caller | null;
  /** Set by the filter. */
  problem: ProblemCode | null;
};

const contexts = new WeakMap<IncomingMessage, RequestContext>();

export function contextOf(req: IncomingMessage): RequestContext {
  const context = contexts.get(req);
  if (context === undefined) throw new Error('a request has a context from the first middleware on');
  return context;
}

/** The caller that the guard let in. */
export function callerOf(req: IncomingMessage): Caller {
  const { caller } = contextOf(req);
  if (caller === null) throw new Error('this route has no guard: only guarded routes have a caller');
  return caller;
}

/** `/status/:job_id`, never the address that was asked: that may hold what a client wrote. */
export function routeOf(req: Request): string {
  const route: unknown = req.route;
  const path = typeof route === 'object' && route !== null && 'path' in route ? route.path : null;
  return typeof path === 'string' ? path : 'unknown';
}

/** What nginx calls a client that went away before it had its answer. */
const STATUS_CLIENT_GONE = 499;

/** A client that still sends after its answer may go on this long, so that it gets to read that answer. */
const LINGER_MS = 5_000;

/** Names the request, sets the headers that every answer has, and logs one line when it is over. */
export function observeRequests(log: Log, clock: Clock): (req: Request, res: Response, next: NextFunction) => void {
  return (req, res, next) => {
    const context: RequestContext = { requestId: randomUUID(), heldMs: 0, caller: null, problem: null };
    contexts.set(req, context);
    const startedMs = clock.monotonicMs();
    res.setHeader('X-Request-Id', context.requestId);
    res.setHeader('X-Content-Type-Options', 'nosniff');
    res.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
    res.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
    res.setHeader('Referrer-Policy', 'no-referrer');
    res.setHeader('Cache-Control', 'no-store');
    res.once('finish', () => boundLinger(req));
    res.once('close', () => {
      // The handler learns later that its client is gone; by then this line is written.
      if (!res.writableFinished && !req.complete) context.problem ??= 'upload_aborted';
      log('http.request', {
        requestId: context.requestId,
        method: req.method.toLowerCase(),
        route: routeOf(req),
        status: res.writableFinished ? res.statusCode : STATUS_CLIENT_GONE,
        durationMs: Math.round(clock.monotonicMs() - startedMs - context.heldMs),
        ...(context.heldMs === 0 ? {} : { heldMs: Math.round(context.heldMs) }),
        ...(context.problem === null ? {} : { code: context.problem }),
        ...(context.caller === null ? {} : { clientId: context.caller.clientId }),
      });
    });
    next();
  };
}

/**
 * Node reads on after an early answer until the body ends, however long that takes. Closing at once instead would
 * reset the connection before the client has read why.
 */
function boundLinger(req: Request): void {
  if (req.complete) return;
  const timer = setTimeout(() => req.socket.destroy(), LINGER_MS);
  timer.unref();
  req.once('end', () => clearTimeout(timer));
  req.resume();
}
