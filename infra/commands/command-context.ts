import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { CommandError } from './command-error.ts';
import { Programs, type Env } from './programs.ts';

/** What every command works with. */
export type CommandContext = {
  repoRoot: string;
  /** Where plan files, Terraform's own files and a first state lie, by environment: in no build output, for us alone. */
  dataDir: string;
  env: Env;
  programs: Programs;
  say: (line: string) => void;
  /** Passes on what another program writes. */
  echo: (text: string) => void;
  /** The line that a human typed; null where nobody can be asked. */
  ask: (question: string) => Promise<string | null>;
};

/**
 * Runs a command as this process: its failure is sentences on stderr and the exit code, a signal ends it and what it
 * started.
 */
export async function runCommand(repoRoot: string, command: (context: CommandContext) => Promise<void>): Promise<void> {
  const programs = new Programs(process.env);
  for (const name of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
    process.on(name, () => programs.end(name, name === 'SIGINT' && process.stdin.isTTY ? 'all' : 'us alone'));
  }
  try {
    await command({
      repoRoot,
      dataDir: resolve(process.env['INFRA_DATA_DIR'] ?? join(repoRoot, 'data/infra')),
      env: process.env,
      programs,
      say: (line) => process.stdout.write(`${line}\n`),
      echo: (text) => process.stdout.write(text),
      ask: (question) => askTerminal(question, programs.signal),
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'Something unexpected went wrong.'}\n`);
    process.exitCode = error instanceof CommandError ? error.exitCode : 1;
  }
}

async function askTerminal(question: string, signal: AbortSignal): Promise<string | null> {
  if (!process.stdin.isTTY) return null;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  // While a line is read the terminal hands Ctrl-C to the reader, and Ctrl-D closes it.
  terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([terminal.question(question, { signal }), closed]);
    return answer.trim();
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    terminal.close();
  }
}
