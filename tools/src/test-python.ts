import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { aptInstall, isDebianLike, lastLine, rootPrefix, runCommand } from './docker/host.ts';

/** NumPy and nibabel judge what our own readers and writers do: they are other people's code. */
const REQUIREMENTS = ['numpy==2.4.6', 'nibabel==5.4.2'];
const PROBE_TIMEOUT_MS = 30_000;
const VENV_TIMEOUT_MS = 10 * 60_000;

/** The Python of a virtual environment with NumPy and nibabel, made on the first call. */
export async function ensureTestPython(options: { cacheDir: string; log: (line: string) => void }): Promise<string> {
  const folder = join(options.cacheDir, 'python');
  const python = join(folder, 'bin/python');
  const stamp = join(folder, `ready-${REQUIREMENTS.join('-').replaceAll('==', '-')}`);
  if (await exists(stamp)) return python;
  options.log('Making a Python environment for the tests ...');
  await rm(folder, { recursive: true, force: true });
  await ensureVenvModule(options.log);
  await must(['python3', '-m', 'venv', folder], 'Making the virtual environment failed: install python3-venv.');
  await must(
    [python, '-m', 'pip', 'install', '--quiet', ...REQUIREMENTS],
    'pip could not install the test packages: check its index.',
  );
  await must(['touch', stamp], 'The data folder is not writable.');
  return python;
}

async function ensureVenvModule(log: (line: string) => void): Promise<void> {
  const probe = ['python3', '-c', 'import venv, ensurepip'];
  if ((await runCommand(probe, { environment: process.env, timeoutMs: PROBE_TIMEOUT_MS })).exitCode === 0) return;
  const prefix = await rootPrefix(process.env);
  if (prefix === undefined || !(await isDebianLike())) {
    throw new Error('The tests need Python 3 with venv: install it (Debian: apt-get install python3-venv).');
  }
  log('Installing python3-venv ...');
  const { exitCode, tail } = await aptInstall(['python3', 'python3-venv'], { prefix, environment: process.env });
  if (exitCode !== 0) throw new Error(`apt-get could not install python3-venv: ${lastLine(tail)}`);
}

async function must(command: readonly string[], mend: string): Promise<void> {
  const { exitCode, tail } = await runCommand(command, { environment: process.env, timeoutMs: VENV_TIMEOUT_MS });
  if (exitCode !== 0) throw new Error(`${mend} ${lastLine(tail)}`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
