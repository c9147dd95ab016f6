import { spawn } from 'node:child_process';

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
  return new Promise((resolve, reject) => {
    const out = output === 'live' ? 'inherit' : 'pipe';
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', out, out] });
    const held: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => held.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      process.stdout.write(Buffer.concat(held));
      resolve(code ?? 1);
    });
  });
}
