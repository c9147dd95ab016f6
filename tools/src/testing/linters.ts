import { join } from 'node:path';
import { ensurePythonEnvironment } from '../python-environment.ts';

/** Other people's rules for infrastructure and workflows. Pinned: another version has other rules. */
const REQUIREMENTS = ['checkov==3.3.30', 'zizmor==1.32.0'];

/** The folder with `checkov` and `zizmor`, which are installed on the first call. */
export function ensureLinters(options: { cacheDir: string; log: (line: string) => void }): Promise<string> {
  const folder = join(options.cacheDir, 'linters');
  const what = 'a Python environment for the linters of infrastructure';
  return ensurePythonEnvironment({ folder, requirements: REQUIREMENTS, what, log: options.log });
}
