import { ROUTES } from '@bpi/job-contract';

/** A path of the contract's table (`/status/{job_id}`) as the framework writes it (`/status/:job_id`). */
export function routePath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

/** Every path of the API, as the framework writes it. */
export const ROUTE_PATHS: readonly string[] = [...new Set(ROUTES.map(({ path }) => routePath(path)))];
