/**
 * A Docker engine that belongs to one test, so that ending it harms nobody: its own folders and its own network namespace.
 * In the machine's own namespace it would remove the bridge of the engine that runs there; its socket is a file, which a
 * namespace does not hide.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import Dockerode from 'dockerode';
import { endWithParent } from './fleet.ts';

const run = promisify(execFile);

const READY_WITHIN_MS = 30_000;
const READY_POLL_MS = 50;
const END_WITHIN_MS = 30_000;
/** What it waits for its containers when asked to end; models ignore a polite stop. */
const SHUTDOWN_S = 2;
const STORAGE_DRIVERS = ['overlay2', 'vfs'] as const;
/** Becomes the command that follows, with an empty network (util-linux). */
const OWN_NETWORK = ['unshare', '--net', '--'] as const;

export class OwnEngine {
  readonly docker: Dockerode;
  readonly socketPath: string;
  readonly #folder: string;
  #storage: (typeof STORAGE_DRIVERS)[number] = 'overlay2';
  #process: ChildProcess | null = null;

  private constructor(folder: string) {
    this.#folder = folder;
    this.socketPath = join(folder, 'docker.sock');
    this.docker = new Dockerode({ socketPath: this.socketPath });
  }

  /** Starts it with these images, taken from the engine that has them. Throws one sentence when it cannot. */
  static async start(images: { from: Dockerode; names: readonly string[] }): Promise<OwnEngine> {
    await assertPossible();
    const engine = new OwnEngine(await mkdtemp(join(tmpdir(), 'bpi-engine-')));
    try {
      await engine.#startWithAnyStorage();
      for (const name of images.names) {
        const loading = await engine.docker.loadImage(await images.from.getImage(name).get());
        loading.resume();
        await once(loading, 'end');
      }
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** SIGTERM ends it in good order, with its containers; after a SIGKILL they run on until the next one finds them. */
  async restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#end(signal);
    await this.#launch();
  }

  /** All it ever wrote. */
  log(): Promise<string> {
    return readFile(this.#logPath, 'utf8');
  }

  /** Ends it with all its containers and removes its folders. Safe to repeat. */
  async close(): Promise<void> {
    const left = await this.docker.listContainers({ all: true }).catch(() => []);
    await Promise.allSettled(left.map(({ Id }) => this.docker.getContainer(Id).remove({ force: true, v: true })));
    await this.#end('SIGTERM');
    await this.#endShims();
    await this.#unmount();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** What kept a container whose daemon was killed while it was being created or removed: nobody asks for it again. */
  async #endShims(): Promise<void> {
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (command.includes('containerd-shim') && command.includes(`${this.#folder}/`)) killIfThere(Number(pid));
    }
  }

  /** A daemon that was killed left its mounts. */
  async #unmount(): Promise<void> {
    const mounts = await readFile('/proc/self/mounts', 'utf8');
    const targets = mounts.split('\n').map((line) => line.split(' ')[1] ?? '');
    const own = targets.filter((target) => target.startsWith(`${this.#folder}/`)).reverse(); // the innermost first
    for (const target of own) await run('umount', ['--lazy', target]).catch(() => undefined);
  }

  get #logPath(): string {
    return join(this.#folder, 'dockerd.log');
  }

  async #startWithAnyStorage(): Promise<void> {
    for (const driver of STORAGE_DRIVERS) {
      this.#storage = driver;
      try {
        return await this.#launch();
      } catch (error) {
        if (driver === STORAGE_DRIVERS.at(-1)) throw error;
      }
    }
  }

  async #launch(): Promise<void> {
    const at = (name: string) => join(this.#folder, name);
    await mkdir(at('data'), { recursive: true });
    // Of those that a SIGKILL ended: nobody may have reaped them yet, and a number that exists counts as a daemon that runs.
    for (const name of ['docker.pid', 'exec/containerd/containerd.pid']) await rm(at(name), { force: true });
    const log = await open(this.#logPath, 'a', 0o600);
    const args = [
      ...['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('docker.pid')],
      ...['--host', `unix://${this.socketPath}`, '--storage-driver', this.#storage],
      ...['--bridge=none', '--iptables=false', '--ip6tables=false', `--shutdown-timeout=${SHUTDOWN_S}`],
    ];
    const [program, ...own] = endWithParent('SIGTERM', [...OWN_NETWORK, 'dockerd', ...args]);
    const child = spawn(program, own, { stdio: ['ignore', log.fd, log.fd] });
    await log.close();
    child.on('error', () => undefined); // told below, by the engine that never answers
    this.#process = child;
    const deadlineMs = performance.now() + READY_WITHIN_MS;
    while (performance.now() < deadlineMs && isAlive(child)) {
      const answers = await this.docker.ping().then(
        () => true,
        () => false,
      );
      if (answers) return;
      await delay(READY_POLL_MS);
    }
    const said = await this.log().catch(() => '');
    await this.#end('SIGKILL');
    throw new Error(`dockerd does not start here: ${said.trim().split('\n').at(-1) ?? 'it said nothing'}`);
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === null || !isAlive(child)) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const insist = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS);
    await gone;
    clearTimeout(insist);
  }
}

/** Throws one sentence that says what is missing: without an engine of its own the test would harm the machine's. */
async function assertPossible(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('An engine of the test’s own needs root: run ./tools/test as root.');
  const [program, ...args] = OWN_NETWORK;
  await run(program, [...args, 'true']).catch((error: unknown) => {
    const why = error instanceof Error ? error.message.trim().split('\n').at(-1) : '';
    throw new Error(
      `An engine of the test’s own needs a network namespace: allow \`unshare --net\` (CAP_SYS_ADMIN, util-linux); ${why}`,
    );
  });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile, which is what was wanted.
  }
}

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
