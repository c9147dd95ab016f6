/** Runs containers as an ECS task definition of ours would, for the specs of the app images. */
import type Docker from 'dockerode';

export interface HardenedRun {
  image: string;
  /** JavaScript that runs in place of the image's own program. */
  script?: string;
  /** Arguments of the image's own program. */
  args?: readonly string[];
  /** Of the process instead of the image's own, such as `0:0`. */
  user?: string;
  /** Folder in the container by the name of the volume that is mounted there. */
  volumes?: Readonly<Record<string, string>>;
}

export interface RunResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const MEMORY_BYTES = 512 * 2 ** 20;
const FRAME_HEADER_BYTES = 8;

/** No network, nothing writable but 16 MiB of /tmp, no capabilities, no way to more. Leaves nothing behind. */
export async function runHardened(docker: Docker, run: HardenedRun): Promise<RunResult> {
  const container = await docker.createContainer({
    Image: run.image,
    ...(run.script === undefined ? {} : { Entrypoint: ['node', '--eval', run.script] }),
    ...(run.args === undefined ? {} : { Cmd: [...run.args] }),
    ...(run.user === undefined ? {} : { User: run.user }),
    HostConfig: {
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      Tmpfs: { '/tmp': 'rw,nosuid,nodev,noexec,size=16m' },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 64,
      Memory: MEMORY_BYTES,
      MemorySwap: MEMORY_BYTES,
      Binds: Object.entries(run.volumes ?? {}).map(([volume, folder]) => `${volume}:${folder}`),
    },
  });
  try {
    await container.start();
    const { StatusCode: exitCode }: { StatusCode: number } = await container.wait();
    const stdout = unframed(await container.logs({ stdout: true, stderr: false }));
    const stderr = unframed(await container.logs({ stdout: false, stderr: true }));
    return { exitCode, stdout, stderr };
  } finally {
    await container.remove({ force: true, v: true });
  }
}

/** The text of a log without terminal (Docker Engine API: frames of stream, three zeros, length, bytes). */
function unframed(log: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + FRAME_HEADER_BYTES <= log.length;) {
    const end = at + FRAME_HEADER_BYTES + log.readUInt32BE(at + 4);
    parts.push(log.subarray(at + FRAME_HEADER_BYTES, end));
    at = end;
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Prints every path of the root filesystem with its kind, mode and owner, as a JSON list. Wants root, to see all. */
const LIST_SCRIPT = `
  const { lstatSync, readdirSync } = require('node:fs');
  const apart = new Set(['/proc', '/sys', '/dev', '/tmp']);
  const found = [];
  const walk = (folder) => {
    for (const name of readdirSync(folder)) {
      const path = folder === '/' ? '/' + name : folder + '/' + name;
      if (apart.has(path)) continue;
      const { mode, uid, gid, size } = lstatSync(path);
      const isFolder = (mode & 0o170000) === 0o040000;
      found.push([path, mode.toString(8), uid + ':' + gid, ...(isFolder ? [] : [size])].join(' '));
      if (isFolder) walk(path);
    }
  };
  walk('/');
  process.stdout.write(JSON.stringify(found));
`;

/** Lines `path mode uid:gid [bytes]` of what an image has and its base has not, or has otherwise; and the reverse. */
export async function filesOnTop(
  docker: Docker,
  images: { image: string; base: string },
): Promise<{ added: readonly string[]; removed: readonly string[] }> {
  const list = async (image: string): Promise<readonly string[]> => {
    const { exitCode, stdout, stderr } = await runHardened(docker, { image, script: LIST_SCRIPT, user: '0:0' });
    if (exitCode !== 0) throw new Error(`listing ${image} failed: ${stderr.slice(-500)}`);
    const lines: string[] = JSON.parse(stdout);
    return lines;
  };
  const [whole, below] = [await list(images.image), await list(images.base)];
  const [inWhole, inBelow] = [new Set(whole), new Set(below)];
  return {
    added: whole.filter((line) => !inBelow.has(line)),
    removed: below.filter((line) => !inWhole.has(line)),
  };
}
