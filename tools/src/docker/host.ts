import { spawn } from 'node:child_process';
import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Environment variables as the caller's `main` read them. */
export type HostEnvironment = Readonly<Record<string, string | undefined>>;

/** One short line for a human. */
export type Log = (line: string) => void;

export interface CommandResult {
  /** Null if it could not be started, was killed, or ran past its time. */
  exitCode: number | null;
  /** The last `COMMAND_TAIL_CHARACTERS` of stdout and stderr together. */
  tail: string;
}

const COMMAND_TAIL_CHARACTERS = 4_000;
/** Debian puts daemons and apt's helpers there, and a user's PATH often lacks it. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];

/** Runs a program without a shell and never throws: the exit code says what came of it. */
export function runCommand(
  command: readonly string[],
  options: { environment: HostEnvironment; timeoutMs: number },
): Promise<CommandResult> {
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    let tail = '';
    const keep = (chunk: Buffer): void => {
      tail = (tail + chunk.toString('utf8')).slice(-COMMAND_TAIL_CHARACTERS);
    };
    const child = spawn(program, args, {
      env: { ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    });
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve({ exitCode: null, tail: tail + error.message }));
    child.on('close', (exitCode) => resolve({ exitCode, tail }));
  });
}

/** The absolute path of a program, or undefined. */
export async function findProgram(name: string, environment: HostEnvironment): Promise<string | undefined> {
  const folders = [...(environment['PATH'] ?? '').split(':').filter((folder) => folder !== ''), ...SYSTEM_FOLDERS];
  for (const folder of folders) {
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

/** What to put before a command that needs root: nothing for root, `sudo -n` where that works, else undefined. */
export async function rootPrefix(environment: HostEnvironment): Promise<readonly string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  const { exitCode } = await runCommand(['sudo', '-n', 'true'], { environment, timeoutMs: 5_000 });
  return exitCode === 0 ? ['sudo', '-n'] : undefined;
}

/** True on Debian, Ubuntu and what says that it is like them. */
export async function isDebianLike(): Promise<boolean> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(text);
}

const APT_TIMEOUT_MS = 10 * 60_000;

/** `apt-get update` and `install`; the result is the first command that failed, or the last one. */
export async function aptInstall(
  packages: readonly string[],
  options: { prefix: readonly string[]; environment: HostEnvironment },
): Promise<CommandResult> {
  // Through `env`, since sudo drops the variables that it does not know, the proxies' too.
  const kept = Object.entries(options.environment).flatMap(([name, value]) =>
    /^(https?|no|ftp)_proxy$/i.test(name) && value !== undefined ? [`${name}=${value}`] : [],
  );
  const apt = [...options.prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', ...kept, 'apt-get'];
  const run = (args: readonly string[]): Promise<CommandResult> =>
    runCommand([...apt, ...args], { environment: options.environment, timeoutMs: APT_TIMEOUT_MS });
  const updated = await run(['update']);
  if (updated.exitCode !== 0) return updated;
  return run(['install', '-y', '--no-install-recommends', ...packages]);
}

/** The last line that says something. */
export function lastLine(text: string): string {
  return withoutCredentials(text.trim().split('\n').at(-1) ?? '').trim();
}

/** Proxy and index addresses may carry a password; what is shown to a human must not. */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@\s]+@/g, '//***@');
}
