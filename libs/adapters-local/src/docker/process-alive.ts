import { readFile } from 'node:fs/promises';
import { errorCode } from './error-code.ts';

/** Whether a process of this host exists; true also for one of another user. */
export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/**
 * Whether the process lives and has the argument. Where the system tells arguments (/proc), a number that was given to
 * another process meanwhile, or a process that is dead but not reaped, is not taken for it.
 */
export async function processWithArgumentIsAlive(pid: number, argument: string): Promise<boolean> {
  if (!processIsAlive(pid)) return false;
  if (process.platform !== 'linux') return true;
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.split('\0').includes(argument);
}
