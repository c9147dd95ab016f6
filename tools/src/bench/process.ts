import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';

const READY_WITHIN_MS = 30_000;
const READY_POLL_MS = 25;
const STOP_GRACE_MS = 10_000;
const COMPLAINT_CHARS_MAX = 2_000;
const KIB = 1024;

export type ProcessPlan = {
  name: string;
  command: readonly string[];
  env?: Readonly<Record<string, string>>;
};

/** One process under measurement. What it prints is dropped, but for the end of what it complains of. */
export class MeasuredProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  #complaint = '';

  constructor({ name, command, env = {} }: ProcessPlan) {
    const [program = '', ...args] = command;
    this.name = name;
    this.#child = spawn(program, args, {
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/', ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.once('error', ({ message }) => (this.#complaint += message));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-COMPLAINT_CHARS_MAX);
    });
  }

  /** Resolves when something answers at the address. */
  async answers(url: string): Promise<void> {
    const deadlineMs = performance.now() + READY_WITHIN_MS;
    while (performance.now() < deadlineMs && this.#isAlive()) {
      if ((await fetch(url, { signal: AbortSignal.timeout(READY_WITHIN_MS) }).catch(() => null)) !== null) return;
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
    throw new Error(`${this.name} did not start: ${this.#complaint.trim() || 'it said nothing'}`);
  }

  /** Resolves when it ended well. */
  async ends(): Promise<void> {
    if (this.#isAlive()) await once(this.#child, 'exit');
    if (this.#child.exitCode !== 0) throw new Error(`${this.name} failed: ${this.#complaint.trim()}`);
  }

  /** Memory of the process now, and the most it has had since `forgetPeak`. MB of 10^6 bytes, from the kernel (Linux). */
  async memoryMb(): Promise<{ now: number; peak: number }> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
    const field = (name: string) => (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * KIB) / 1e6;
    return { now: field('VmRSS'), peak: field('VmHWM') };
  }

  /** See `clear_refs` in proc(5): 5 resets the peak. */
  async forgetPeak(): Promise<void> {
    await writeFile(`/proc/${this.#child.pid}/clear_refs`, '5');
  }

  async stop(): Promise<void> {
    if (!this.#isAlive()) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const insist = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE_MS);
    await gone;
    clearTimeout(insist);
  }

  #isAlive(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    return pid !== undefined && exitCode === null && signalCode === null;
  }
}
