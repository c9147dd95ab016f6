import { randomUUID } from 'node:crypto';
import { readFile, rm, stat, utimes } from 'node:fs/promises';
import type { Clock } from '@bpi/jobs';
import type { AttemptFolder } from './attempt-folder.ts';
import { unlessMissing } from '@bpi/model-files';
import { processIsAlive } from './process-alive.ts';

export const LEASE = {
  touchEveryMs: 1_000,
  /** A driver that did not touch its file for so long is taken for dead. */
  staleAfterMs: 5_000,
} as const;

/**
 * Who drives an attempt: the one whose token stands in `driver.json`. It saves work, not correctness: two drivers
 * at once do the same harmless steps, so a takeover may be hasty (the file's process is dead) or wrong (it was slow).
 */
export class DriverLease {
  readonly #folder: AttemptFolder;
  readonly #token: string;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;

  private constructor(folder: AttemptFolder, token: string) {
    this.#folder = folder;
    this.#token = token;
    this.#timer = setInterval(() => void this.#touch(), LEASE.touchEveryMs);
    this.#timer.unref();
  }

  /** Null while another driver lives. */
  static async take(folder: AttemptFolder, clock: Clock): Promise<DriverLease | null> {
    if (await isHeld(folder, clock)) return null;
    const token = randomUUID();
    await folder.replace('driver', { pid: process.pid, token });
    return (await tokenOf(folder)) === token ? new DriverLease(folder, token) : null;
  }

  /** Aborts when somebody else took over, or the folder is gone. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Safe to repeat. The next driver need not wait for the file to go stale. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    if ((await tokenOf(this.#folder)) === this.#token) await rm(this.#folder.file('driver'), { force: true });
  }

  async #touch(): Promise<void> {
    try {
      if ((await tokenOf(this.#folder)) !== this.#token) throw new Error('taken over');
      const now = new Date();
      await utimes(this.#folder.file('driver'), now, now);
    } catch {
      clearInterval(this.#timer);
      this.#lost.abort();
    }
  }
}

async function isHeld(folder: AttemptFolder, clock: Clock): Promise<boolean> {
  const info = await stat(folder.file('driver')).catch(unlessMissing);
  if (info === false || clock.nowMs() - info.mtimeMs >= LEASE.staleAfterMs) return false;
  const holder = await holderOf(folder);
  return holder !== null && processIsAlive(holder.pid);
}

async function tokenOf(folder: AttemptFolder): Promise<string | null> {
  return (await holderOf(folder))?.token ?? null;
}

async function holderOf(folder: AttemptFolder): Promise<{ pid: number; token: string } | null> {
  const text = await readFile(folder.file('driver'), 'utf8').catch(unlessMissing);
  return text === false ? null : (JSON.parse(text) as { pid: number; token: string }); // written whole, by `take` alone
}
