import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** @param interpreter the value of `BPI_TEST_PYTHON`; throws what to do when there is none. */
export function requireInterpreter(interpreter: string | undefined): string {
  if (interpreter !== undefined) return interpreter;
  throw new Error(
    'Set BPI_TEST_PYTHON to a Python with numpy and nibabel: ' +
      'python3 -m venv .venv && .venv/bin/pip install numpy nibabel, then BPI_TEST_PYTHON=.venv/bin/python',
  );
}

/** Runs a script of this library's `testing` folder. `interpreter` comes from `BPI_TEST_PYTHON`. */
export async function runPython(
  interpreter: string | undefined,
  script: 'numpy_cases.py' | 'numpy_mutants.py',
  ...args: readonly string[]
): Promise<string> {
  const command = requireInterpreter(interpreter);
  const path = fileURLToPath(new URL(`../../testing/${script}`, import.meta.url));
  const { stdout } = await promisify(execFile)(command, [path, ...args], { maxBuffer: OUTPUT_BYTES_MAX });
  return stdout;
}
