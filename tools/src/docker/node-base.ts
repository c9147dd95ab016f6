import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type Docker from 'dockerode';
import { BASE_IMAGE, ensureBaseImage, imageId } from './base-image.ts';
import { buildImage } from './build-image.ts';
import { DockerError } from './docker-error.ts';
import { lastLine, runCommand } from './host.ts';
import type { HostEnvironment, Log } from './host.ts';
import { CONTENT_LABEL } from './model-image.ts';
import { pullImage } from './pull-image.ts';

/** What the apps' Dockerfiles name by default. */
export const NODE_IMAGE = 'node:26.10.0-bookworm-slim';

/** Our own name: a base made here never goes by an official name. The last number changes with the recipe. */
export const OWN_NODE_IMAGE = 'bpi/node:26.10.0-bookworm-1';

/** The npm package `node` brings the binary that everything here runs with, so its version is the image's too. */
const NODE_BINARY = 'node_modules/node/bin/node';
const TAR_TIMEOUT_MS = 60_000;

/**
 * Node needs both libraries (official builds since Node 25 also libatomic), and Debian's minimal system has only one.
 * ADD unpacks the tar with its modes: a COPY and a chmod would store the binary twice.
 */
const RECIPE = `ARG BASE
FROM \${BASE}
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libstdc++6 libatomic1 \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /var/cache/debconf/*-old /var/lib/dpkg/*-old
ADD node.tar /usr/local/bin/
RUN ["node", "--version"]
CMD ["node"]
`;

export interface NodeImageOptions {
  /** Its `node_modules` holds the binary, should the image have to be made. */
  repoRoot: string;
  /** Wanted instead of `NODE_IMAGE`; nothing else will do then. */
  image?: string;
  log: Log;
  environment: HostEnvironment;
}

/**
 * The Node base of the app images: the wanted image if it is present, else our own if that is, else the wanted one
 * pulled, else our own made from the project's Debian base and the Node that runs here.
 * @throws DockerError `base_image_failed`, `build_failed`
 */
export async function ensureNodeImage(
  docker: Docker,
  options: NodeImageOptions,
): Promise<{ image: string; imageId: string }> {
  const wanted = options.image ?? NODE_IMAGE;
  const present = await imageId(docker, wanted);
  if (present !== undefined) return { image: wanted, imageId: present };
  const replaceable = options.image === undefined;
  const own = replaceable ? await currentOwnImage(docker) : undefined;
  if (own !== undefined) return { image: OWN_NODE_IMAGE, imageId: own };
  if (await pullImage(docker, wanted, options.log)) {
    const pulled = await imageId(docker, wanted);
    if (pulled !== undefined) return { image: wanted, imageId: pulled };
  }
  if (!replaceable) {
    throw new DockerError(
      'base_image_failed',
      `The Node image that was asked for is neither here nor pullable: check its name, or leave it out for ours.`,
    );
  }
  return buildOwnNodeImage(docker, options);
}

/**
 * Our own image, from the Debian base and the binary of the npm package `node`.
 * @throws DockerError `base_image_failed`, `build_failed`
 */
export async function buildOwnNodeImage(
  docker: Docker,
  options: Omit<NodeImageOptions, 'image'>,
): Promise<{ image: string; imageId: string }> {
  const { repoRoot, log, environment } = options;
  const base = await ensureBaseImage(docker, { log, environment });
  log(`${OWN_NODE_IMAGE}: building from ${base.image}`);
  const folder = await mkdtemp(join(tmpdir(), 'bpi-node-'));
  try {
    await writeFile(join(folder, 'Dockerfile'), RECIPE);
    await packBinary({ repoRoot, tar: join(folder, 'node.tar'), environment });
    const labels = { [CONTENT_LABEL]: contentOf(base.imageId) };
    const files = ['Dockerfile', 'node.tar'];
    const common = { tag: OWN_NODE_IMAGE, base: base.image, labels, log, environment };
    await buildImage(docker, { folder, files, ...common });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const made = await imageId(docker, OWN_NODE_IMAGE);
  if (made === undefined) {
    throw new DockerError('build_failed', `${OWN_NODE_IMAGE} is missing after its build: check Docker's disk space.`);
  }
  return { image: OWN_NODE_IMAGE, imageId: made };
}

/** Undefined if it is missing or was made from another base or recipe. */
async function currentOwnImage(docker: Docker): Promise<string | undefined> {
  const [own, base] = await Promise.all([imageId(docker, OWN_NODE_IMAGE), imageId(docker, BASE_IMAGE)]);
  if (own === undefined || base === undefined) return undefined;
  const { Config } = await docker.getImage(own).inspect();
  return Config.Labels?.[CONTENT_LABEL] === contentOf(base) ? own : undefined;
}

/** The binary is in it by its version, which the tag names. */
function contentOf(baseImageId: string): string {
  return createHash('sha256').update(`${baseImageId}\n${OWN_NODE_IMAGE}\n${RECIPE}`).digest('hex');
}

/** One member `node`, mode 0755, owned by root whoever runs this. */
async function packBinary(options: { repoRoot: string; tar: string; environment: HostEnvironment }): Promise<void> {
  const { environment } = options;
  const binary = await realpath(join(options.repoRoot, NODE_BINARY)).catch(() => undefined);
  const version = binary && (await runCommand([binary, '--version'], { environment, timeoutMs: 10_000 })).tail.trim();
  if (process.platform !== 'linux' || binary === undefined || !OWN_NODE_IMAGE.includes(`:${version?.slice(1)}-`)) {
    throw new DockerError(
      'base_image_failed',
      `No image registry could be reached, and there is no Linux Node of this version to make ${OWN_NODE_IMAGE} of: ` +
        `make \`docker pull ${NODE_IMAGE}\` work, or run \`npm ci\` on Linux.`,
    );
  }
  const owner = ['--owner=0', '--group=0', '--numeric-owner', '--mode=0755'];
  const command = ['tar', '--create', `--file=${options.tar}`, ...owner, '-C', dirname(binary), basename(binary)];
  const { exitCode, tail } = await runCommand(command, { environment, timeoutMs: TAR_TIMEOUT_MS });
  if (exitCode !== 0) {
    throw new DockerError(
      'base_image_failed',
      `Packing Node failed (${lastLine(tail)}): check tar and the disk space.`,
    );
  }
}
