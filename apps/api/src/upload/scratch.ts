import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ProblemError } from '../http/problem-error.ts';

/** Two files of one request: what arrived, and what the check makes of it. Names are random, never the client's. */
export type ScratchLease = {
  readonly uploadPath: string;
  /** Open for writing from the start, so that nothing can be created after the release. */
  readonly upload: FileHandle;
  readonly rebuiltPath: string;
  /** Removes both files. Safe to repeat. */
  release(): Promise<void>;
};

/** Older files were left by a process that died: no request lives that long. */
export const SCRATCH_KEPT_MS = 60 * 60 * 1000;

/** An upload, its rebuilt copy and the stored copy may lie on one disk together. */
const COPIES = 3;

/** The folder where uploads lie until their job is stored. */
export class Scratch {
  readonly #dir: string;
  readonly #reserveBytes: number;
  readonly #leased = new Set<string>();
  #promisedBytes = 0;

  private constructor(dir: string, reserveBytes: number) {
    this.#dir = dir;
    this.#reserveBytes = reserveBytes;
  }

  static async open(dir: string, reserveBytes: number): Promise<Scratch> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return new Scratch(dir, reserveBytes);
  }

  /** @throws ProblemError `storage_full` if an upload of this size would eat into the reserve. */
  async lease(uploadBytes: number): Promise<ScratchLease> {
    const needBytes = uploadBytes * COPIES;
    this.#promisedBytes += needBytes;
    const name = randomBytes(16).toString('hex');
    const uploadPath = join(this.#dir, `${name}.upload`);
    const rebuiltPath = join(this.#dir, `${name}.npz`);
    try {
      if ((await this.freeBytes()) < this.#promisedBytes) throw new ProblemError('storage_full');
      this.#leased.add(name);
      const upload = await open(uploadPath, 'wx', 0o600);
      let released: Promise<void> | null = null;
      const release = async (): Promise<void> => {
        try {
          await upload.close();
        } finally {
          await Promise.all([rm(uploadPath, { force: true }), rm(rebuiltPath, { force: true })]);
          this.#forget(name, needBytes);
        }
      };
      return { uploadPath, upload, rebuiltPath, release: () => (released ??= release()) };
    } catch (error) {
      this.#forget(name, needBytes);
      throw error;
    }
  }

  #forget(name: string, needBytes: number): void {
    this.#leased.delete(name);
    this.#promisedBytes -= needBytes;
  }

  /** Free room beyond the reserve; negative when the reserve is touched. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#dir);
    return bavail * bsize - this.#reserveBytes;
  }

  /** Removes what a dead process left; answers how many files. */
  async sweep(nowMs: number): Promise<number> {
    let removed = 0;
    for (const file of await readdir(this.#dir)) {
      if (this.#leased.has(file.split('.')[0] ?? '')) continue;
      const path = join(this.#dir, file);
      const found = await stat(path).catch(() => null);
      if (found === null || nowMs - found.mtimeMs < SCRATCH_KEPT_MS) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }
}
