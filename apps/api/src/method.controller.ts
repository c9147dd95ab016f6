import { All, Controller, Req } from '@nestjs/common';
import { ProblemError } from './http/problem-error.ts';
import { routeOf } from './http/request-context.ts';
import type { Request } from './http/types.ts';

const READ = 'GET, HEAD';

/** Every route with its methods. A test compares it with the routes that the controllers declare. */
export const ROUTE_METHODS: Readonly<Record<string, string>> = {
  '/infer': 'POST',
  '/status/:job_id': READ,
  '/result/:job_id': READ,
  '/result/:job_id/:artifact': READ,
  '/jobs': READ,
  '/jobs/:job_id': 'DELETE',
  '/jobs/:job_id/cancel': 'POST',
  '/jobs/:job_id/logs': READ,
  '/jobs/:job_id/events': READ,
  '/models': READ,
  '/models/:name': READ,
  '/health/live': READ,
  '/health/ready': READ,
};

/** Comes last: what arrives here is a known path with a method that no controller took. */
@Controller()
export class MethodController {
  @All(Object.keys(ROUTE_METHODS))
  refuse(@Req() req: Request): never {
    throw new ProblemError('method_not_allowed', { headers: { Allow: ROUTE_METHODS[routeOf(req)] ?? '' } });
  }
}
