import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { aptInstall, isDebianLike, lastLine, rootPrefix, runCommand } from './docker/host.ts';

const PROBE_TIMEOUT_MS = 30_000;
const VENV_TIMEOUT_MS = 10 * 60_000;

export type PythonEnvironment = {
  /** Made here; may be deleted at any time. */
  folder: string;
  /** Pinned, as pip takes them. */
  requirements: readonly string[];
  /** What somebody who waits reads, such as `a Python environment for the tests`. */
  what: string;
  log: (line: string) => void;
};

/** The `bin` folder of a virtual environment with these packages, made on the first call. Throws one sentence. */
export async function ensurePythonEnvironment({ folder, requirements, what, log }: PythonEnvironment): Promise<string> {
  const bin = join(folder, 'bin');
  const stamp = join(folder, `ready-${requirements.join('-').replaceAll('==', '-')}`);
  if (await exists(stamp)) return bin;
  log(`Making ${what} ...`);
  await rm(folder, { recursive: true, force: true });
  await ensureVenvModule(log);
  await must(['python3', '-m', 'venv', folder], 'Making the virtual environment failed: install python3-venv.');
  await must(
    [join(bin, 'python'), '-m', 'pip', 'install', '--quiet', ...requirements],
    'pip could not install the packages: check its index.',
  );
  await must(['touch', stamp], 'The data folder is not writable.');
  return bin;
}

async function ensureVenvModule(log: (line: string) => void): Promise<void> {
  const probe = ['python3', '-c', 'import venv, ensurepip'];
  if ((await runCommand(probe, { environment: process.env, timeoutMs: PROBE_TIMEOUT_MS })).exitCode === 0) return;
  const prefix = await rootPrefix(process.env);
  if (prefix === undefined || !(await isDebianLike())) {
    throw new Error('This needs Python 3 with venv: install it (Debian: apt-get install python3-venv).');
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
