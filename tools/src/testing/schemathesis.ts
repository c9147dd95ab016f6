import { join } from 'node:path';
import { ensurePythonEnvironment } from '../python-environment.ts';

/** Pinned: another version sends other requests. */
const REQUIREMENTS = ['schemathesis==4.32.5'];

/** Path of `st`, which asks an API what its OpenAPI document promises; installed on the first call. */
export async function ensureSchemathesis(options: { cacheDir: string; log: (line: string) => void }): Promise<string> {
  const folder = join(options.cacheDir, 'schemathesis');
  const what = 'a Python environment for the tests of the API document';
  return join(await ensurePythonEnvironment({ folder, requirements: REQUIREMENTS, what, log: options.log }), 'st');
}
