/** Processes of the platform that a test starts, kills, freezes and starts again, as a bad day would. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

export type MemberPlan = {
  name: string;
  /** Of Node: the program's file and its arguments. */
  args: readonly string[];
  env: Readonly<Record<string, string>>;
};

/** A process that ended although nobody here ended it. */
export type OwnExit = { name: string; code: number | null; signal: string | null };

export type Usage = { pid: number; fds: number; rssMiB: number };

const STOP_GRACE_MS = 20_000;
const RESTART_DELAY_MS = 200;
/** Lets `collectGarbage` be heard; nothing else of a process changes. */
const MEASURABLE = ['--expose-gc', '--import', join(import.meta.dirname, 'collect-on-signal.ts')] as const;
const PAGE_BYTES = 4_096;

/** The command, so that the kernel ends it when the test's own process dies: nothing may outlive a test that crashed. */
export function endWithParent(signal: 'SIGTERM' | 'SIGKILL', command: readonly string[]): [string, ...string[]] {
  return ['setpriv', '--pdeathsig', signal.slice('SIG'.length), ...command];
}

type Member = { plan: MemberPlan; process: ChildProcess | null; frozen: boolean; expected: Set<ChildProcess> };

export class Fleet {
  readonly ownExits: OwnExit[] = [];
  readonly #logDir: string;
  readonly #members: ReadonlyMap<string, Member>;
  #closed = false;

  /** @param logDir gets a file per member, with everything that all its processes write. */
  constructor(plans: readonly MemberPlan[], logDir: string) {
    this.#logDir = logDir;
    this.#members = new Map(
      plans.map((plan) => [plan.name, { plan, process: null, frozen: false, expected: new Set() }]),
    );
  }

  get names(): readonly string[] {
    return [...this.#members.keys()];
  }

  async start(name: string): Promise<void> {
    const member = this.#member(name);
    if (this.#closed) return;
    const log = await open(this.#logPath(name), 'a', 0o600);
    const [program, ...args] = endWithParent('SIGKILL', [process.execPath, ...MEASURABLE, ...member.plan.args]);
    const child = spawn(program, args, { env: member.plan.env, stdio: ['ignore', log.fd, log.fd] });
    await log.close();
    child.once('error', () => this.ownExits.push({ name, code: null, signal: 'not started' }));
    child.once('exit', (code, signal) => {
      if (member.expected.delete(child)) return;
      this.ownExits.push({ name, code, signal });
      setTimeout(() => void this.start(name), RESTART_DELAY_MS); // as whoever supervises it would
    });
    member.process = child;
    member.frozen = false;
  }

  async startAll(): Promise<void> {
    await Promise.all(this.names.map((name) => this.start(name)));
  }

  /** SIGKILL, and a new process as soon as it is gone. */
  async kill(name: string): Promise<void> {
    await this.#end(name, 'SIGKILL');
    await this.start(name);
  }

  /** SIGSTOP: to everybody else it is dead, and it does not know. */
  freeze(name: string): void {
    const member = this.#member(name);
    member.frozen = true;
    member.process?.kill('SIGSTOP');
  }

  thaw(name: string): void {
    const member = this.#member(name);
    member.process?.kill('SIGCONT');
    member.frozen = false;
  }

  isFrozen(name: string): boolean {
    return this.#member(name).frozen;
  }

  /** Asks every process to end in good order. Safe to repeat. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const name of this.names) this.thaw(name);
    await Promise.all(this.names.map((name) => this.#end(name, 'SIGTERM')));
  }

  async log(name: string): Promise<string> {
    return readFile(this.#logPath(name), 'utf8').catch(() => '');
  }

  /** Asks every process to collect its garbage: see `collect-on-signal.ts`. Nobody tells when it was done. */
  collectGarbage(): void {
    for (const { process: child } of this.#members.values()) child?.kill('SIGUSR2');
  }

  /**
   * Open files and memory of the process, as the kernel counts them. Connections over TCP are left out: how long a client
   * keeps one is its own business, and between the processes of one machine there are none.
   */
  async usage(name: string): Promise<Usage> {
    const pid = this.#member(name).process?.pid;
    if (pid === undefined) throw new Error(`${name} does not run: start it first`);
    const connections = await tcpInodes();
    const folder = `/proc/${pid}/fd`;
    const targets = await Promise.all(
      (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => null)),
    );
    const files = targets.filter((target) => target !== null && !connections.has(target));
    const residentPages = Number((await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')[1]);
    return { pid, fds: files.length, rssMiB: Math.round((residentPages * PAGE_BYTES) / 2 ** 20) };
  }

  #logPath(name: string): string {
    return join(this.#logDir, `${name}.log`);
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`no member of the fleet is called ${name}`);
    return member;
  }

  async #end(name: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const member = this.#member(name);
    const child = member.process;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    member.expected.add(child);
    const gone = once(child, 'exit');
    child.kill(signal);
    const insist = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await gone;
    clearTimeout(insist);
  }
}

/** As `/proc/PID/fd` names them: `socket:[inode]`, the tenth field of /proc/net/tcp (man 5 proc). */
async function tcpInodes(): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const inodes = tables.flatMap((table) => table.split('\n').slice(1)).map((line) => line.trim().split(/\s+/)[9]);
  return new Set(inodes.map((inode) => `socket:[${inode}]`));
}
