import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { DockerError } from './docker-error.ts';
import { aptInstall, findProgram, isDebianLike, lastLine, rootPrefix, runCommand } from './host.ts';
import type { HostEnvironment, Log } from './host.ts';
import { imageEvents } from './image-events.ts';
import { pullImage } from './pull-image.ts';

/** Our own name: a base made here never goes by an official name. The number changes with the recipe. */
const BASE_NAME = { repo: 'bpi/base', tag: 'bookworm-1' };
export const BASE_IMAGE = `${BASE_NAME.repo}:${BASE_NAME.tag}`;

export const OFFICIAL_IMAGE = 'debian:bookworm-slim';
const SUITE = 'bookworm';
const BOOTSTRAP_TIMEOUT_MS = 10 * 60_000;

/**
 * The Debian base of every model image: the present one, else the official image under our tag, else one made from
 * Debian's packages.
 * @throws DockerError `base_image_failed`
 */
export async function ensureBaseImage(
  docker: Docker,
  options: { log: Log; environment: HostEnvironment },
): Promise<{ image: string; imageId: string }> {
  const present = await imageId(docker, BASE_IMAGE);
  if (present !== undefined) return { image: BASE_IMAGE, imageId: present };
  if (!(await pullOfficial(docker, options.log))) await bootstrap(docker, options);
  const made = await imageId(docker, BASE_IMAGE);
  if (made === undefined) {
    throw new DockerError('base_image_failed', `${BASE_IMAGE} is missing after it was made: try again.`);
  }
  return { image: BASE_IMAGE, imageId: made };
}

/** The id (`sha256:…`) of a local image, or undefined. */
export async function imageId(docker: Docker, image: string): Promise<string | undefined> {
  try {
    return (await docker.getImage(image).inspect()).Id;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && error.statusCode === 404;
}

async function pullOfficial(docker: Docker, log: Log): Promise<boolean> {
  if (!(await pullImage(docker, OFFICIAL_IMAGE, log))) return false;
  await docker.getImage(OFFICIAL_IMAGE).tag(BASE_NAME);
  return true;
}

async function bootstrap(docker: Docker, options: { log: Log; environment: HostEnvironment }): Promise<void> {
  const { log, environment } = options;
  const prefix = await rootPrefix(environment);
  if (!(await isDebianLike()) || prefix === undefined) {
    throw new DockerError(
      'base_image_failed',
      `No image registry could be reached: make \`docker pull ${OFFICIAL_IMAGE}\` work, or run this on Debian as root.`,
    );
  }
  if ((await findProgram('mmdebstrap', environment)) === undefined) {
    log('base image: installing mmdebstrap');
    const { exitCode, tail } = await aptInstall(['mmdebstrap', 'debian-archive-keyring'], { prefix, environment });
    if (exitCode !== 0) {
      const why = lastLine(tail);
      throw new DockerError('base_image_failed', `Installing mmdebstrap failed (${why}): mend apt and retry.`);
    }
  }
  log('base image: no registry answers, making one from Debian packages (about 20 s)');
  const folder = await mkdtemp(join(tmpdir(), 'bpi-base-'));
  try {
    const tar = join(folder, 'base.tar');
    const sources = await hostSources();
    const certificates = sources.some((line) => line.includes('https://')) ? ['--include=ca-certificates'] : [];
    const command = ['mmdebstrap', '--variant=minbase', ...certificates, SUITE, tar, ...sources];
    const { exitCode, tail } = await runCommand([...prefix, ...command], {
      environment,
      timeoutMs: BOOTSTRAP_TIMEOUT_MS,
    });
    if (exitCode !== 0) {
      const why = lastLine(tail);
      throw new DockerError('base_image_failed', `mmdebstrap failed (${why}): check that apt works here and retry.`);
    }
    if (prefix.length > 0) await runCommand([...prefix, 'chmod', '644', tar], { environment, timeoutMs: 5_000 });
    for await (const event of imageEvents(await docker.importImage(tar, BASE_NAME))) {
      if (event.error !== undefined) {
        const why = event.error;
        throw new DockerError('base_image_failed', `Docker did not import the base (${why}): check its disk space.`);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** apt lines of the host for our suite, so that its mirror is used; none means mmdebstrap's own default. */
async function hostSources(): Promise<readonly string[]> {
  const folder = '/etc/apt/sources.list.d';
  const names = await readdir(folder).catch(() => []);
  const paths = ['/etc/apt/sources.list', ...names.map((name) => join(folder, name))];
  const texts = await Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(path, 'utf8').catch(() => '') })),
  );
  return texts.flatMap(({ path, text }) => {
    if (path.endsWith('.sources')) return deb822Lines(text);
    return path.endsWith('.list') ? oneLineEntries(text) : [];
  });
}

/** `deb URI SUITE main` for each enabled binary entry of the suite in a deb822 file (sources.list(5)). */
export function deb822Lines(text: string): readonly string[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map(
      stanza
        .replace(/^#.*\n?/gm, '')
        .replace(/\n[ \t]+/g, ' ')
        .split('\n')
        .map((line) => {
          const [name = '', ...value] = line.split(':');
          return [name.trim().toLowerCase(), value.join(':').trim().split(/\s+/)] as const;
        }),
    );
    const usable =
      fields.get('types')?.includes('deb') === true &&
      fields.get('components')?.includes('main') === true &&
      fields.get('enabled')?.[0] !== 'no';
    if (!usable) return [];
    const suites = (fields.get('suites') ?? []).filter(isOurSuite);
    return (fields.get('uris') ?? []).flatMap((uri) => suites.map((suite) => `deb ${uri} ${suite} main`));
  });
}

/** The same for the one-line format; options in brackets are dropped (the suite's keys are in Debian's own keyring). */
export function oneLineEntries(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [kind, uri, suite, ...components] = line
      .replace(/\[[^\]]*\]/, '')
      .trim()
      .split(/\s+/);
    const usable = kind === 'deb' && uri !== undefined && suite !== undefined && components.includes('main');
    return usable && isOurSuite(suite) ? [`deb ${uri} ${suite} main`] : [];
  });
}

function isOurSuite(suite: string): boolean {
  return [SUITE, `${SUITE}-updates`, `${SUITE}-security`].includes(suite);
}
