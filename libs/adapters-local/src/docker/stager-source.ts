import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { homedir } from 'node:os';
import type { Stage } from './attempt-folder.ts';

export type StagerCommand = {
  command: readonly string[];
  /** All the stager's environment; without one it gets HOME and a usual PATH. */
  env?: Readonly<Record<string, string>>;
  stdio: 'inherit' | 'ignore';
  /** `kept`: the program knows `--spare`, and one that has loaded its code already waits for the next stage. */
  spare: 'kept' | 'none';
};

/** A stager's process that does nothing before `go` where it is a spare, and works already where it is not. */
export type Stager = { child: ChildProcess; ended: Promise<number | null>; go: () => void };

const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Hands out one process per stage. Starting Node and loading the stager takes longer than staging a small volume, so
 * one process is kept ready; it ends by itself when this worker is gone, because its stdin closes.
 */
export class StagerSource {
  readonly #stager: StagerCommand;
  #spare: Omit<Stager, 'go'> | null = null;
  #closed = false;

  constructor(stager: StagerCommand) {
    this.#stager = stager;
  }

  take(stage: Stage, folder: string): Stager {
    const spare = this.#spare;
    this.#spare = null;
    if (spare === null || spare.child.exitCode !== null || spare.child.signalCode !== null) {
      this.keepSpare();
      return { ...this.#start([stage, '--work', folder], 'ignore'), go: () => undefined };
    }
    const go = () => {
      spare.child.stdin?.end(`${JSON.stringify({ stage, work: folder })}\n`);
      this.keepSpare();
    };
    return { ...spare, go };
  }

  /** Starts the next spare, where the program can be one. */
  keepSpare(): void {
    if (this.#stager.spare === 'none' || this.#spare !== null || this.#closed) return;
    this.#spare = this.#start(['--spare'], 'pipe');
    this.#spare.child.stdin?.on('error', () => undefined); // it may end before it is told
  }

  close(): void {
    this.#closed = true;
    this.#spare?.child.stdin?.end();
    this.#spare = null;
  }

  #start(args: readonly string[], stdin: 'ignore' | 'pipe'): Omit<Stager, 'go'> {
    const { command, env, stdio } = this.#stager;
    const [program, ...own] = command;
    if (program === undefined) throw new Error('the stager’s command is empty: configure it');
    const child = spawn(program, [...own, ...args], {
      stdio: [stdin, stdio, stdio],
      env: env ?? { PATH: USUAL_PATH, HOME: homedir() },
    });
    return { child, ended: endingOf(child) };
  }
}

/** The exit code; null if it was killed or could not be started. */
function endingOf(child: ChildProcess): Promise<number | null> {
  return once(child, 'close').then(
    ([code]: unknown[]) => (typeof code === 'number' ? code : null),
    () => null,
  );
}
