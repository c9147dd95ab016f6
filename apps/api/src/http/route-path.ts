/** A path of the contract's table (`/status/{job_id}`) as the framework writes it (`/status/:job_id`). */
export function routePath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
