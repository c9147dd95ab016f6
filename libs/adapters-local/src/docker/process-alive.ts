import { readFile } from 'node:fs/promises';
import { errorCode } from '@bpi/model-files';

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
 * When a process was born, in the system's own ticks since it booted, as text; null where the system does not tell (no
 * /proc) or the process is gone. Field 22 of /proc/PID/stat (man 5 proc); the name in field 2 may hold anything.
 */
export async function birthOf(pid: number | undefined): Promise<string | null> {
  return pid === undefined ? null : ((await readStat(pid))?.born ?? null);
}

/**
 * Whether that very process still works. A number that was given to another process meanwhile is not taken for it, nor
 * is a process that is dead and not reaped.
 */
export async function isStillAlive(process: { pid: number; born: string | null }): Promise<boolean> {
  if (!processIsAlive(process.pid)) return false;
  if (process.born === null) return true;
  const stat = await readStat(process.pid);
  return stat !== null && stat.born === process.born && stat.state !== 'Z';
}

async function readStat(pid: number): Promise<{ state: string; born: string } | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, born] = [fields[0], fields[19]];
  return state === undefined || born === undefined ? null : { state, born };
}
