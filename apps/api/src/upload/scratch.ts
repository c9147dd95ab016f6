import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskRoom } from './disk-room.ts';

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
export const SCRATCH_COPIES = 3;

/** The folder where uploads lie until their job is stored. */
export class Scratch {
  readonly #dir: string;
  readonly #room: DiskRoom;
  readonly #leased = new Set<string>();

  private constructor(dir: string, room: DiskRoom) {
    this.#dir = dir;
    this.#room = room;
  }

  static async open(dir: string, room: DiskRoom): Promise<Scratch> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return new Scratch(dir, room);
  }

  /** @throws ProblemError `storage_full` */
  async lease(uploadBytes: number): Promise<ScratchLease> {
    const giveBack = await this.#room.promise(uploadBytes);
    const name = randomBytes(16).toString('hex');
    const uploadPath = join(this.#dir, `${name}.upload`);
    const rebuiltPath = join(this.#dir, `${name}.npz`);
    const forget = (): void => {
      this.#leased.delete(name);
      giveBack();
    };
    try {
      this.#leased.add(name);
      const upload = await open(uploadPath, 'wx', 0o600);
      let released: Promise<void> | null = null;
      const release = async (): Promise<void> => {
        try {
          await upload.close();
        } finally {
          await Promise.all([rm(uploadPath, { force: true }), rm(rebuiltPath, { force: true })]);
          forget();
        }
      };
      return { uploadPath, upload, rebuiltPath, release: () => (released ??= release()) };
    } catch (error) {
      forget();
      throw error;
    }
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
