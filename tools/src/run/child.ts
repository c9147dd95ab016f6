import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';

export type ChildPlan = { name: string; args: string[]; env: Record<string, string>; logPath: string };

/** This many ends within the window are a crash loop; a process that one of these ended was killed from outside. */
const KILLS_FROM_OUTSIDE: ReadonlySet<NodeJS.Signals> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP']);
const CRASH_WINDOW_MS = 10_000;
const CRASHES_MAX = 5;
const RESTART_DELAY_MS = 100;
const STOP_GRACE_MS = 15_000;

/**
 * Keeps one Node process of ours alive: a process that dies is started again; one that dies again and again ends
 * the whole with `failed`. Its log goes to a file.
 */
export class SupervisedChild {
  /** Rejects with one sentence when the process cannot be kept alive; never resolves. */
  readonly failed: Promise<never>;
  readonly #plan: ChildPlan;
  #env: Record<string, string>;
  #process: ChildProcess | null = null;
  #stopping = false;
  #crashesMs: number[] = [];
  #fail: (error: Error) => void = () => {};

  constructor(plan: ChildPlan) {
    this.#plan = plan;
    this.#env = plan.env;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  /** For tests: what the next start adds to the environment, and takes from it (undefined). */
  changeEnv(changes: Record<string, string | undefined>): void {
    const kept = Object.entries({ ...this.#env, ...changes }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    this.#env = Object.fromEntries(kept);
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** For tests: what a crash, an operator or the kernel may do at any time. */
  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  start(): void {
    const { args, logPath } = this.#plan;
    const env = this.#env;
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const logFile = createWriteStream(logPath, { flags: 'a', mode: 0o600 });
    logFile.once('error', ({ message }) =>
      this.#cannotRun(`Its log cannot be written (${message}): free space or choose another data folder.`),
    );
    child.once('error', ({ message }) =>
      this.#cannotRun(`It does not start (${message}): free memory or processes and retry.`),
    );
    let complaint = '';
    child.stdout.pipe(logFile, { end: false });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      logFile.write(text);
      complaint = (complaint + text).slice(-2_000);
    });
    // Output may still flow after the end: the log is closed with the pipes, not with the process.
    child.once('close', () => logFile.end());
    child.once('exit', (_, signal) => {
      if (signal === null || !KILLS_FROM_OUTSIDE.has(signal)) this.#crashesMs.push(performance.now());
      if (!this.#stopping) this.#restart(complaint.trim());
    });
    this.#process = child;
  }

  /** Asks the process to end, then insists. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#process;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await gone;
    clearTimeout(insist);
  }

  #restart(complaint: string): void {
    const sinceMs = performance.now() - CRASH_WINDOW_MS;
    this.#crashesMs = this.#crashesMs.filter((atMs) => atMs > sinceMs);
    if (this.#crashesMs.length < CRASHES_MAX) {
      setTimeout(() => {
        if (!this.#stopping) this.start();
      }, RESTART_DELAY_MS);
      return;
    }
    this.#cannotRun(complaint === '' ? `Its log is in ${this.#plan.logPath}.` : complaint);
  }

  #cannotRun(why: string): void {
    this.#fail(new Error(`The ${this.#plan.name} cannot run. ${why}`));
  }
}
