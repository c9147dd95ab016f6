import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { runCommand, withoutCredentials } from './host.ts';
import type { HostEnvironment, Log } from './host.ts';
import { followBuild } from './image-events.ts';
import { copyModelContext } from './model-context.ts';

/** Name of the host's CA bundle in a build context; a Dockerfile may copy it into a build stage, never further. */
export const CA_FILE = 'host-ca.pem';

/** BiomedParse's image fetches 3 GB of packages. */
const BUILD_TIMEOUT_MS = 60 * 60_000;
const PIP_TIMEOUT_MS = 10_000;
const SYSTEM_CA_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';
const PROXY_NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
const PIP_SETTINGS = [
  ['PIP_INDEX_URL', 'global.index-url'],
  ['PIP_EXTRA_INDEX_URL', 'global.extra-index-url'],
  ['PIP_TRUSTED_HOST', 'global.trusted-host'],
] as const;

export interface BuildRequest {
  /** The folder that holds `Dockerfile`. */
  folder: string;
  /** Paths relative to `folder`: the build context. */
  files: readonly string[];
  tag: string;
  /** The last stage to build, and what is before it; undefined = all, and the last one gets the tag. */
  target?: string | undefined;
  base: string;
  labels: Readonly<Record<string, string>>;
  log: Log;
  environment: HostEnvironment;
}

/**
 * Builds with the classic builder of the Engine API, on the host's network: a bridge may be missing, and a proxy may
 * listen on the host's loopback.
 * @throws DockerError `build_failed`, with the last lines of the build
 */
export async function buildImage(docker: Docker, request: BuildRequest): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'bpi-build-'));
  try {
    const src = await stage(context, request);
    const answer = await docker.buildImage(
      { context, src },
      {
        t: request.tag,
        ...(request.target === undefined ? {} : { target: request.target }),
        buildargs: { BASE: request.base, ...(await hostBuildArgs(request.environment)) },
        labels: { ...request.labels },
        networkmode: 'host',
        rm: true,
        forcerm: true,
        abortSignal: AbortSignal.timeout(BUILD_TIMEOUT_MS),
      },
    );
    await followBuild(answer, { image: request.tag, log: request.log, whatToDo });
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

async function stage(context: string, { folder, files, environment }: BuildRequest): Promise<string[]> {
  await copyModelContext(folder, files, context);
  const bundle = await hostCaBundle(environment);
  if (bundle !== undefined) await writeFile(join(context, CA_FILE), bundle, { mode: 0o644 });
  return readdir(context);
}

function whatToDo(lastLines: string): string {
  return (
    'check that this machine reaches its package mirrors (and set HTTPS_PROXY, ' +
    'PIP_INDEX_URL or SSL_CERT_FILE if it needs them), then retry. The last lines were:\n' +
    withoutCredentials(lastLines)
  );
}

/** Proxies and pip indexes of the host. Docker predefines the proxies' names, which keeps them out of the history. */
async function hostBuildArgs(environment: HostEnvironment): Promise<Record<string, string>> {
  const args: Record<string, string> = {};
  for (const name of PROXY_NAMES) {
    const value = environment[name];
    if (value !== undefined && value !== '') args[name] = value;
  }
  for (const [name, setting] of PIP_SETTINGS) {
    const value = environment[name] ?? (await pipSetting(setting, environment));
    if (value !== undefined && value !== '') args[name] = value;
  }
  return args;
}

/** A value of the host's pip configuration; undefined where there is none, or no pip. */
async function pipSetting(setting: string, environment: HostEnvironment): Promise<string | undefined> {
  const command = ['python3', '-m', 'pip', '--disable-pip-version-check', 'config', 'get', setting];
  const { exitCode, tail } = await runCommand(command, { environment, timeoutMs: PIP_TIMEOUT_MS });
  return exitCode === 0 ? tail.trim().split(/\s+/).join(' ') : undefined;
}

/**
 * The host's CA certificates, in one file: an extra certificate alone would hide the public ones from pip. Undefined if
 * the host has none where we look.
 */
async function hostCaBundle(environment: HostEnvironment): Promise<string | undefined> {
  const paths = new Set([environment['SSL_CERT_FILE'], environment['NODE_EXTRA_CA_CERTS'], SYSTEM_CA_BUNDLE]);
  const texts = await Promise.all([...paths].map((path) => (path ? readFile(path, 'utf8').catch(() => '') : '')));
  const found = texts.filter((text) => text !== '');
  return found.length > 0 ? found.join('\n') : undefined;
}
