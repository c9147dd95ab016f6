import { All, Controller, Req } from '@nestjs/common';
import { allowedMethods, ROUTES } from '@bpi/job-contract';
import { ProblemError } from './http/problem-error.ts';
import { routeOf } from './http/request-context.ts';
import { routePath } from './http/route-path.ts';
import type { Request } from './http/types.ts';

/** What `Allow` says, by route as the framework writes it. */
const ALLOWED: ReadonlyMap<string, string> = new Map(
  ROUTES.map(({ path }) => [routePath(path), allowedMethods(path).join(', ')]),
);

/** Comes last: what arrives here is a known path with a method that no controller took. */
@Controller()
export class MethodController {
  @All([...ALLOWED.keys()])
  refuse(@Req() req: Request): never {
    throw new ProblemError('method_not_allowed', { headers: { Allow: ALLOWED.get(routeOf(req)) ?? '' } });
  }
}
