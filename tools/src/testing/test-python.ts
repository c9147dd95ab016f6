import { join } from 'node:path';
import { ensurePythonEnvironment } from '../python-environment.ts';

/** NumPy and nibabel judge what our own readers and writers do: they are other people's code. */
const REQUIREMENTS = ['numpy==2.4.6', 'nibabel==5.4.2'];

/** A Python with NumPy and nibabel, made on the first call. */
export async function ensureTestPython(options: { cacheDir: string; log: (line: string) => void }): Promise<string> {
  const folder = join(options.cacheDir, 'python');
  const what = 'a Python environment for the tests';
  return join(await ensurePythonEnvironment({ folder, requirements: REQUIREMENTS, what, log: options.log }), 'python');
}
