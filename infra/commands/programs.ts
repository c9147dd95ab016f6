import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { constants } from 'node:os';
import { CommandError } from './command-error.ts';

export type Env = Readonly<Record<string, string | undefined>>;

export type ProgramCall = {
  program: string;
  args: readonly string[];
  cwd: string;
  /** Added to the command's own environment. */
  env?: Readonly<Record<string, string>>;
};

/** `errors`: its stderr alone. */
export type Shown = 'all' | 'errors';

export type ProgramAnswer = { exitCode: number; stdout: string; stderr: string };

/** As a shell says it of a program that is not there. */
export const NOT_FOUND = 127;

/** Far more than a list of resources or a plan as text; the rest is dropped. */
const CAPTURED_CHARACTERS_MAX = 16 * 2 ** 20;
const STDERR_CHARACTERS_MAX = 20_000;

/**
 * Runs other programs, one at a time, and ends with them: a signal reaches the one that runs, no other is started, and
 * the command itself ends only when that one has. Terraform uses the time to write its state.
 */
export class Programs {
  readonly #env: Env;
  readonly #over = new AbortController();
  #running: ChildProcess | null = null;
  #endedBy: NodeJS.Signals | null = null;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Aborted by `end`, for what waits without a program. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /**
   * @param reach `us alone` if only this process got the signal; a terminal's Ctrl-C reaches the program by itself, and a
   *   second one would make Terraform give up without its state.
   */
  end(signal: NodeJS.Signals, reach: 'us alone' | 'all'): void {
    this.#endedBy ??= signal;
    this.#over.abort(this.#interruption());
    if (reach === 'us alone') this.#running?.kill('SIGTERM');
  }

  /** With its output where ours goes, or of that only what it says of errors; those are in the answer as well. */
  async show(call: ProgramCall, shown: Shown = 'all'): Promise<Pick<ProgramAnswer, 'exitCode' | 'stderr'>> {
    const stdout = shown === 'all' ? 'inherit' : 'ignore';
    return this.#run(call, ['ignore', stdout, 'pipe'], { echo: (text) => process.stderr.write(text) });
  }

  /** Quietly, within a time; what it says is the answer. `echo` gets both streams as they come. */
  read(call: ProgramCall & { timeoutMs: number; echo?: (text: string) => void }): Promise<ProgramAnswer> {
    return this.#run(call, ['ignore', 'pipe', 'pipe'], call);
  }

  async #run(
    { program, args, cwd, env = {} }: ProgramCall,
    stdio: StdioOptions,
    { timeoutMs, echo }: { timeoutMs?: number; echo?: (text: string) => void },
  ): Promise<ProgramAnswer> {
    if (this.#endedBy !== null) throw this.#interruption();
    const child = spawn(program, args, { cwd, env: { ...this.#env, ...env }, stdio, timeout: timeoutMs });
    this.#running = child;
    const answer: ProgramAnswer = { exitCode: 1, stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      if (answer.stdout.length < CAPTURED_CHARACTERS_MAX) answer.stdout += text;
      echo?.(text);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      answer.stderr = (answer.stderr + text).slice(-STDERR_CHARACTERS_MAX);
      echo?.(text);
    });
    answer.exitCode = await new Promise<number>((resolve) => {
      child.once('error', () => resolve(NOT_FOUND));
      child.once('close', (code, signal) => resolve(code ?? codeOf(signal)));
    });
    this.#running = null;
    if (this.signal.aborted) throw this.#interruption();
    return answer;
  }

  #interruption(): CommandError {
    return new CommandError(
      `Ended by ${this.#endedBy ?? 'a signal'}: nothing further was started.`,
      codeOf(this.#endedBy),
    );
  }
}

function codeOf(signal: NodeJS.Signals | null): number {
  return signal === null ? 1 : 128 + constants.signals[signal];
}
