import type { ProblemCode } from '../problems.ts';
import { JOB_ROUTES } from './job-routes.ts';
import { RESULT_ROUTES } from './result-routes.ts';
import type { Route } from './route.ts';
import { SERVICE_ROUTES } from './service-routes.ts';

/** Every route of the API, in the order of the document. */
export const ROUTES: readonly Route[] = [...JOB_ROUTES, ...RESULT_ROUTES, ...SERVICE_ROUTES];

/** What is answered where there is no route: an unknown path, and another method on a known one (with `Allow`). */
export const UNROUTED_PROBLEMS = ['not_found', 'method_not_allowed'] as const satisfies readonly ProblemCode[];

/** The methods that a path takes, as `Allow` names them. */
export function allowedMethods(path: string): readonly string[] {
  const methods = ROUTES.filter((route) => route.path === path).map(({ method }) => method);
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}
