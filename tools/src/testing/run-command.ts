import { spawn, type ChildProcess } from 'node:child_process';

const running = new Set<ChildProcess>();
let isOver = false;

/** Ends the commands under way and starts no other: a signal that only reached this process must leave nothing behind. */
export function endCommands(): void {
  isOver = true;
  for (const child of running) child.kill('SIGTERM');
}

/**
 * Runs a command of this checkout; resolves with its exit code.
 * @param output `held`: shown when the command has ended, because another one is printing meanwhile.
 */
export function runCommandIn(
  cwd: string,
  command: string,
  args: readonly string[],
  { env = {}, output = 'live' }: { env?: Readonly<Record<string, string>>; output?: 'live' | 'held' } = {},
): Promise<number> {
  if (isOver) return Promise.resolve(1);
  return new Promise((resolve, reject) => {
    const out = output === 'live' ? 'inherit' : 'pipe';
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', out, out] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const held: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => held.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      process.stdout.write(Buffer.concat(held));
      resolve(code ?? 1);
    });
  });
}
