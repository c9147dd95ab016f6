import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, open } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DockerError } from './docker-error.ts';
import { aptInstall, findProgram, isDebianLike, lastLine, rootPrefix, runCommand } from './host.ts';
import type { HostEnvironment, Log } from './host.ts';

export interface DockerEngine {
  socketPath: string;
  startedByUs: boolean;
  /** Stops the engine if this call of `ensureDockerEngine` started it; otherwise does nothing. */
  stop(): Promise<void>;
}

export interface EngineOptions {
  log: Log;
  environment: HostEnvironment;
  /** Holds `dockerd.log` of an engine that we start. */
  stateFolder: string;
}

type PingAnswer = 'ok' | 'absent' | 'not_permitted';

const SYSTEM_SOCKET = '/var/run/docker.sock';
const PING_TIMEOUT_MS = 3_000;
const PING_INTERVAL_MS = 200;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;
const SYSTEMCTL_TIMEOUT_MS = 60_000;
const NO_BRIDGE = ['--iptables=false', '--ip6tables=false', '--bridge=none'];
/** Tried in turn: as packaged; without a bridge (our builds and jobs need none); on a kernel without overlayfs. */
const START_VARIANTS: readonly (readonly string[])[] = [[], NO_BRIDGE, [...NO_BRIDGE, '--storage-driver=vfs']];

/**
 * A Docker engine that answers: a running one, else on Debian and Ubuntu (root, or sudo without a password) one that is
 * installed and started here.
 * @throws DockerError `engine_missing`, `engine_not_permitted`, `engine_start_failed`
 */
export async function ensureDockerEngine(options: EngineOptions): Promise<DockerEngine> {
  const { environment, log } = options;
  const running = await findRunning(environment);
  if (running !== undefined) return { socketPath: running, startedByUs: false, stop: async () => {} };

  const prefix = await rootPrefix(environment);
  if (prefix === undefined) {
    throw new DockerError(
      'engine_missing',
      'No Docker engine answers, and starting one needs root: start Docker, or run this as root or with sudo.',
    );
  }
  if ((await findProgram('dockerd', environment)) === undefined) await install({ prefix, environment, log });
  // A package that was just installed may have started its service by itself.
  const serviced = await startService({ prefix, environment, log });
  if (serviced !== undefined) return serviced;
  const program = await findProgram('dockerd', environment);
  if (program === undefined) throw new DockerError('engine_missing', 'dockerd was not found: install Docker Engine.');
  return startDaemon(program, { ...options, prefix });
}

/** The first socket that answers; undefined if none does. */
async function findRunning(environment: HostEnvironment): Promise<string | undefined> {
  const dockerHost = environment['DOCKER_HOST'] ?? '';
  if (dockerHost !== '') {
    const path = dockerHost.startsWith('unix://') ? dockerHost.slice('unix://'.length) : undefined;
    if (path === undefined || (await ping(path)) !== 'ok') {
      throw new DockerError(
        'engine_missing',
        'DOCKER_HOST is set but no engine answers there on a unix socket: start that engine, or unset DOCKER_HOST.',
      );
    }
    return path;
  }
  const home = environment['HOME'];
  const runtime = environment['XDG_RUNTIME_DIR'];
  const candidates = [
    SYSTEM_SOCKET,
    ...(runtime === undefined ? [] : [join(runtime, 'docker.sock')]),
    ...(home === undefined ? [] : [join(home, '.docker/run/docker.sock')]),
  ];
  let refused = false;
  for (const path of candidates) {
    const answer = await ping(path);
    if (answer === 'ok') return path;
    refused ||= answer === 'not_permitted';
  }
  if (refused) {
    throw new DockerError(
      'engine_not_permitted',
      'Docker runs but this user may not use it: run `sudo usermod -aG docker "$USER"`, log in again, and retry.',
    );
  }
  return undefined;
}

/** Whether an engine answers on this socket. */
export function ping(socketPath: string): Promise<PingAnswer> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/_ping', timeout: PING_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? 'ok' : 'absent');
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EACCES' ? 'not_permitted' : 'absent'));
    asked.end();
  });
}

interface RootOptions {
  prefix: readonly string[];
  environment: HostEnvironment;
  log: Log;
}

async function install({ prefix, environment, log }: RootOptions): Promise<void> {
  if (!(await isDebianLike())) {
    throw new DockerError(
      'engine_missing',
      'No Docker engine was found: install Docker Engine (docs.docker.com/engine), start it, and run this again.',
    );
  }
  log('installing Docker (packages docker.io and iptables)');
  const { exitCode, tail } = await aptInstall(['docker.io', 'iptables'], { prefix, environment });
  if (exitCode !== 0) {
    throw new DockerError(
      'engine_missing',
      `Installing docker.io failed (${lastLine(tail)}): mend apt, or install and start Docker by hand.`,
    );
  }
}

/** On a machine with systemd the engine is its service; undefined on one without, or if that does not start. */
async function startService({ prefix, environment, log }: RootOptions): Promise<DockerEngine | undefined> {
  const hasSystemd = await access('/run/systemd/system').then(
    () => true,
    () => false,
  );
  if (!hasSystemd) return undefined;
  const run = (args: readonly string[]): Promise<{ exitCode: number | null }> =>
    runCommand([...prefix, 'systemctl', ...args], { environment, timeoutMs: SYSTEMCTL_TIMEOUT_MS });
  const alreadyActive = (await run(['is-active', '--quiet', 'docker'])).exitCode === 0;
  if (!alreadyActive) {
    log('starting the docker service');
    if ((await run(['start', 'docker'])).exitCode !== 0) return undefined;
  }
  const stop = async (): Promise<void> => {
    if (!alreadyActive) await run(['stop', 'docker', 'docker.socket']);
  };
  const answer = await waitForPing(() => true);
  if (answer === 'ok') return { socketPath: SYSTEM_SOCKET, startedByUs: !alreadyActive, stop };
  await stop();
  if (answer === 'not_permitted') {
    throw new DockerError(
      'engine_not_permitted',
      'Docker is installed but not for this user: run `sudo usermod -aG docker "$USER"`, log in again, and retry.',
    );
  }
  return undefined;
}

/** Polls until the engine answers, the deadline passes, or `alive` is false. */
async function waitForPing(alive: () => boolean): Promise<PingAnswer> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  let answer = await ping(SYSTEM_SOCKET);
  while (answer === 'absent' && alive() && performance.now() < deadline) {
    await delay(PING_INTERVAL_MS);
    answer = await ping(SYSTEM_SOCKET);
  }
  return answer;
}

async function startDaemon(
  program: string,
  { prefix, environment, stateFolder, log }: EngineOptions & RootOptions,
): Promise<DockerEngine> {
  await mkdir(stateFolder, { recursive: true });
  const logPath = join(stateFolder, 'dockerd.log');
  // Under sudo the socket would be root's alone, and we are not root.
  const group = prefix.length > 0 ? [`--group=${process.getgid?.() ?? 0}`] : [];
  const [launcher = program, ...launcherArgs] = [...prefix, program];
  for (const variant of START_VARIANTS) {
    log(['starting dockerd', ...variant].join(' '));
    const file = await open(logPath, 'a');
    // Detached: a Ctrl-C in the terminal goes to us alone, and we stop the engine after what runs on it.
    const child = spawn(launcher, [...launcherArgs, ...group, ...variant], {
      detached: true,
      env: { ...environment },
      stdio: ['ignore', file.fd, file.fd],
    });
    await file.close();
    child.on('error', () => {});
    child.unref();
    const alive = (): boolean => child.exitCode === null && child.signalCode === null && child.pid !== undefined;
    const stop = async (): Promise<void> => {
      if (!alive()) return;
      // Waited for again: an event loop with nothing else to do would end before the engine does.
      child.ref();
      const exited = once(child, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) });
      // sudo hands the signal on to dockerd.
      if (prefix.length === 0) child.kill('SIGTERM');
      else await runCommand([...prefix, 'kill', String(child.pid)], { environment, timeoutMs: 5_000 });
      await exited;
    };
    if ((await waitForPing(alive)) === 'ok') return { socketPath: SYSTEM_SOCKET, startedByUs: true, stop };
    await stop();
  }
  throw new DockerError('engine_start_failed', `dockerd does not start here: see ${logPath}, or start Docker by hand.`);
}
