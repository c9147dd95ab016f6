import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { errorFields, PROBLEM_TYPE, PROBLEMS, retryAfterSOf, type Log } from '@bpi/job-contract';
import { ProblemError, problemBody } from './problem-error.ts';
import { contextOf, routeOf } from './request-context.ts';
import type { Request, Response } from './types.ts';

/** The one place that turns an error into an answer. What it does not know is ours, is logged, and says nothing. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const req = http.getRequest<Request>();
    const res = http.getResponse<Response>();
    const { requestId } = contextOf(req);
    const error = problemOf(thrown);
    contextOf(req).problem = error.code;
    if (PROBLEMS[error.code].status >= 500) {
      const cause = error.details.cause ?? thrown;
      this.#log('http.failed', { requestId, route: routeOf(req), ...errorFields(cause) });
    }
    if (res.headersSent) {
      // Half an answer is out: cutting it off is the only way left to say that it is not whole.
      res.destroy();
      return;
    }
    const retryAfterS = retryAfterSOf(error.code);
    if (retryAfterS !== null) res.setHeader('Retry-After', String(retryAfterS));
    // Set for the answer that this one takes the place of.
    res.removeHeader('ETag');
    res.setHeader('Cache-Control', 'no-store');
    for (const [name, value] of Object.entries(error.details.headers ?? {})) res.setHeader(name, value);
    const body = problemBody(error, requestId);
    res.status(body.status);
    res.setHeader('Content-Type', PROBLEM_TYPE);
    res.end(req.method === 'HEAD' ? undefined : JSON.stringify(body));
  }
}

function problemOf(thrown: unknown): ProblemError {
  if (thrown instanceof ProblemError) return thrown;
  // The framework's own 4xx: no route matched, or the path has a broken percent sign. Both name nothing of ours.
  if (thrown instanceof HttpException && thrown.getStatus() < 500) return new ProblemError('not_found');
  return new ProblemError('internal', { cause: thrown });
}
