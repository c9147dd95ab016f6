import { statfs } from 'node:fs/promises';
import { ProblemError } from '../http/problem-error.ts';

export const DISK_NAMES = ['scratch', 'data'] as const;

export type Disk = {
  name: (typeof DISK_NAMES)[number];
  dir: string;
  /** Room that uploads must leave free. */
  reserveBytes: number;
  /** How often an upload may lie on it at once. */
  copies: number;
};

/** Free bytes of the disk that holds a folder. */
export type FreeBytesOf = (dir: string) => Promise<number>;

export async function freeBytesOf(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}

/**
 * Promises room to uploads before their bodies are read. What is promised and not yet written is nowhere else to be seen;
 * what is written already counts twice, which errs on the safe side.
 */
export class DiskRoom {
  readonly #disks: readonly Disk[];
  readonly #freeBytesOf: FreeBytesOf;
  #promisedBytes = 0;

  constructor(disks: readonly Disk[], free: FreeBytesOf = freeBytesOf) {
    this.#disks = disks;
    this.#freeBytesOf = free;
  }

  /** Answers the function that gives the room back. @throws ProblemError `storage_full`: the upload would eat into a reserve. */
  async promise(uploadBytes: number): Promise<() => void> {
    this.#promisedBytes += uploadBytes;
    let isPromised = true;
    const giveBack = (): void => {
      if (isPromised) this.#promisedBytes -= uploadBytes;
      isPromised = false;
    };
    try {
      const free = await this.freeBytes();
      // Asked of all that are promised: those that came at the same time must not share the same room.
      const isShort = this.#disks.some(({ name, copies }) => (free.get(name) ?? 0) < this.#promisedBytes * copies);
      if (isShort) throw new ProblemError('storage_full');
      return giveBack;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  /** Free room beyond each disk's reserve; negative where the reserve is touched. */
  async freeBytes(): Promise<ReadonlyMap<Disk['name'], number>> {
    return new Map(
      await Promise.all(
        this.#disks.map(
          async ({ name, dir, reserveBytes }) => [name, (await this.#freeBytesOf(dir)) - reserveBytes] as const,
        ),
      ),
    );
  }
}
