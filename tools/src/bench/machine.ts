import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);
const GIB = 1024 ** 3;

/** One paragraph about the machine, as far as it can be known. */
export async function describeMachine(where: { folder: string; python: string }): Promise<string> {
  const [{ stdout: python }, disk, os] = await Promise.all([
    run(where.python, ['--version']),
    describeDisk(where.folder),
    osName(),
  ]);
  const [load = 0] = loadavg();
  return [
    `${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'an unknown CPU'}`,
    `${(totalmem() / GIB).toFixed(0)} GiB of memory`,
    disk,
    `${os}, kernel ${release()}`,
    `Node ${process.versions.node}`,
    python.trim(),
    `load when it began ${load.toFixed(2)}`,
  ].join('; ');
}

/** The kernel's word about the block device under a folder; a virtual disk may say "rotating" and be none. */
async function describeDisk(folder: string): Promise<string> {
  const { dev } = await stat(folder);
  // Linux: 8 bits of the minor number, 12 of the major above them, then the rest of the minor.
  const device = `${(dev >>> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;
  const [mounts, rotational] = await Promise.all([
    readText('/proc/self/mountinfo'),
    readText(`/sys/dev/block/${device}/queue/rotational`),
  ]);
  const mount = mounts.split('\n').find((line) => line.split(' ')[2] === device);
  const [type = 'unknown', source = 'unknown'] = (mount?.split(' - ')[1] ?? '').split(' ');
  const kind =
    rotational.trim() === '0' ? 'solid state' : rotational.trim() === '1' ? 'said to rotate' : 'kind unknown';
  return `disk ${source} (${type}, ${kind})`;
}

async function osName(): Promise<string> {
  return /^PRETTY_NAME="(.*)"$/m.exec(await readText('/etc/os-release'))?.[1] ?? process.platform;
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
