import { createHash, randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm, rmdir, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { isObjectKey, isObjectPrefix, JOBS_PREFIX } from '@bpi/job-contract';
import {
  isSettledFile,
  ObjectNotFound,
  type ByteRange,
  type ObjectBody,
  type ObjectInfo,
  type ObjectStore,
  type PutResult,
  type SettledFile,
} from '@bpi/jobs';
import { hasCode } from '@bpi/model-files';

/** Beside the objects, so that a rename never crosses a file system; no key can name it. */
const TEMPORARY_FOLDER = '.tmp';
const TEMPORARY_AGE_MAX_MS = 60 * 60 * 1_000;
/** A folder that is deleted while an object is put into it is made again, so often. */
const PLACE_TRIES_MAX = 5;
const READ_CHUNK_BYTES = 256 * 1024;

/**
 * Objects as files under one folder; the key is the path. An object is written under a temporary name, synced, and
 * then takes its place by link or rename: it appears whole or not at all, and no file is ever changed once it has
 * its place, so readers and hard links (`copy`) keep what they have.
 */
export class FsObjectStore implements ObjectStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = resolve(root);
  }

  async put(key: string, body: ObjectBody, how: { ifAbsent: boolean }): Promise<PutResult> {
    const path = this.#pathOf(key);
    if (how.ifAbsent && (await isThere(path))) {
      discard(body);
      return { kind: 'exists' };
    }
    const temporary = await this.#temporaryPath();
    try {
      const info = isSettledFile(body) ? await adopt(body, temporary) : await writeSynced(temporary, body);
      const placed = await place(temporary, path, how.ifAbsent ? 'if_absent' : 'replace');
      return placed === 'placed' ? { kind: 'stored', ...info } : { kind: 'exists' };
    } finally {
      discard(body);
      await rm(temporary, { force: true });
    }
  }

  async get(key: string, range?: ByteRange): Promise<Readable> {
    const { file, stats } = await openObject(this.#pathOf(key));
    if (range === undefined) return file.createReadStream({ highWaterMark: READ_CHUNK_BYTES });
    if (range.start < 0 || range.end < range.start || range.start >= stats.size) {
      await file.close();
      throw new RangeError('the byte range lies outside the object');
    }
    return file.createReadStream({ start: range.start, end: range.end, highWaterMark: READ_CHUNK_BYTES });
  }

  async head(key: string): Promise<ObjectInfo | null> {
    try {
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const chunk of await this.get(key)) {
        hash.update(chunk);
        bytes += chunk.length;
      }
      return { bytes, sha256: hash.digest('hex') };
    } catch (error) {
      if (error instanceof ObjectNotFound) return null;
      throw error;
    }
  }

  list(prefix: string): AsyncIterable<{ key: string; bytes: number; modifiedAtMs: number }> {
    assertPrefix(prefix);
    return this.#walk(prefix);
  }

  async copy(from: string, to: string): Promise<void> {
    const target = this.#pathOf(to);
    const source = this.#pathOf(from);
    const temporary = await this.#temporaryPath();
    try {
      await linkOrCopy(source, temporary);
      await place(temporary, target, 'replace');
    } finally {
      await rm(temporary, { force: true }); // rename of two links to one file leaves both: the name must go here
    }
  }

  /** The folders stay, empty or not: somebody may be about to put something there. */
  async delete(keys: readonly string[]): Promise<void> {
    const paths = keys.map((key) => this.#pathOf(key));
    const changed = new Set<string>();
    for (const path of paths) {
      try {
        await unlink(path);
        changed.add(dirname(path));
      } catch (error) {
        if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) throw error;
      }
    }
    for (const folder of changed) await syncFolder(folder);
  }

  /**
   * The folder leaves its place in one step, so nobody sees half of it. Its temporary name tells what it was: a repeat
   * after a crash in between finds it there, and resolves only when that is gone, too.
   */
  async deletePrefix(prefix: string): Promise<void> {
    assertPrefix(prefix);
    const path = join(this.#root, prefix);
    const folder = await this.#temporaryFolder();
    const deleted = `deleted-${createHash('sha256').update(prefix).digest('hex')}-`;
    try {
      await rename(path, join(folder, `${deleted}${randomUUID()}`));
      await syncFolder(dirname(path));
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
    }
    const moved = (await namesIn(folder)).filter((name) => name.startsWith(deleted));
    for (const name of moved) await rm(join(folder, name), { recursive: true, force: true });
  }

  async signDownload(): Promise<null> {
    return null;
  }

  /**
   * Removes what crashed writers left more than an hour ago: temporary files, and folders of jobs in which no file came
   * to lie. How many; call it now and then.
   */
  async sweepTemp(nowMs: number): Promise<number> {
    return (await this.#sweepTemporaries(nowMs)) + (await this.#sweepHollowFolders(nowMs));
  }

  async #sweepTemporaries(nowMs: number): Promise<number> {
    const folder = join(this.#root, TEMPORARY_FOLDER);
    let removed = 0;
    for (const name of await namesIn(folder)) {
      const path = join(folder, name);
      const stats = await statIfThere(path);
      // A folder that was moved here keeps its own old time, ctime is when it was moved.
      if (stats === null || nowMs - Math.max(stats.mtimeMs, stats.ctimeMs) < TEMPORARY_AGE_MAX_MS) continue;
      await rm(path, { recursive: true, force: true });
      removed += 1;
    }
    return removed;
  }

  /** A list names objects, so nobody else ever comes across a folder without one. */
  async #sweepHollowFolders(nowMs: number): Promise<number> {
    const jobs = join(this.#root, JOBS_PREFIX);
    let removed = 0;
    for (const name of await namesIn(jobs)) {
      const path = join(jobs, name);
      const stats = await statIfThere(path);
      if (stats === null || nowMs - stats.mtimeMs < TEMPORARY_AGE_MAX_MS) continue;
      if (await removeIfHollow(path)) removed += 1;
    }
    return removed;
  }

  async *#walk(prefix: string): AsyncGenerator<{ key: string; bytes: number; modifiedAtMs: number }> {
    const entries = await readdir(join(this.#root, prefix), { withFileTypes: true }).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
      throw error;
    });
    // Folders sort with their slash, so that keys ascend across folders: "a-b" < "a/b".
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${name}/`);
    const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    for (const name of [...folders, ...files].sort()) {
      const key = `${prefix}${name}`;
      if (isObjectPrefix(key)) yield* this.#walk(key);
      if (!isObjectKey(key)) continue;
      const stats = await statIfThere(join(this.#root, key));
      if (stats !== null) yield { key, bytes: stats.size, modifiedAtMs: Math.floor(stats.mtimeMs) };
    }
  }

  #pathOf(key: string): string {
    if (!isObjectKey(key)) throw new Error('not an object key: use lower-case parts of letters, digits, "-_." and "/"');
    return join(this.#root, key);
  }

  async #temporaryPath(): Promise<string> {
    return join(await this.#temporaryFolder(), randomUUID());
  }

  async #temporaryFolder(): Promise<string> {
    const folder = join(this.#root, TEMPORARY_FOLDER);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }
}

function assertPrefix(prefix: string): void {
  if (!isObjectPrefix(prefix)) throw new Error('not an object prefix: name a whole folder, ending in "/"');
}

async function writeSynced(path: string, body: Readable | Uint8Array): Promise<ObjectInfo> {
  const file = await open(path, 'wx', 0o644);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of body instanceof Uint8Array ? [body] : chunksOf(body)) {
      hash.update(chunk);
      await file.writeFile(chunk);
      bytes += chunk.length;
    }
    await file.sync();
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

async function* chunksOf(body: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of body as AsyncIterable<Uint8Array | string>) {
    // a byte stream yields nothing else
    yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  }
}

/** Gives a finished file its name. `taken`: something else has the name and keeps it. */
async function place(temporary: string, path: string, how: 'if_absent' | 'replace'): Promise<'placed' | 'taken'> {
  const folder = dirname(path);
  for (let tries = 1; ; tries += 1) {
    await makeFolder(folder);
    try {
      if (how === 'if_absent') await link(temporary, path);
      else await rename(temporary, path);
      await syncFolder(folder);
      return 'placed';
    } catch (error) {
      if (how === 'if_absent' && hasCode(error, 'EEXIST')) return 'taken';
      if (!hasCode(error, 'ENOENT') || tries >= PLACE_TRIES_MAX) throw error;
    }
  }
}

/** Makes the folder and those above it, and makes the names of the new ones durable. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return; // deleted meanwhile, and with it what was to be made durable
    throw error;
  }
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function openObject(path: string): Promise<{ file: FileHandle; stats: Stats }> {
  let file: FileHandle;
  try {
    // Non-blocking, so that a fifo somebody put there cannot hold us; no effect on regular files.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw new ObjectNotFound();
    throw error;
  }
  const stats = await file.stat();
  if (stats.isFile()) return { file, stats };
  await file.close();
  throw new ObjectNotFound();
}

/** The file itself where it can have a second name, so that a large one is not written twice. */
async function adopt({ path, bytes, sha256 }: SettledFile, temporary: string): Promise<ObjectInfo> {
  await linkOrCopy(path, temporary);
  return { bytes, sha256 };
}

/** A second name for the file; a copy where the file system has none. */
async function linkOrCopy(source: string, temporary: string): Promise<void> {
  try {
    await link(source, temporary);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) throw new ObjectNotFound();
    if (!hasCode(error, 'EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP')) throw error;
    await copySynced(source, temporary);
  }
}

async function copySynced(source: string, temporary: string): Promise<void> {
  const { file } = await openObject(source);
  const body = file.createReadStream();
  try {
    await writeSynced(temporary, body);
  } finally {
    discard(body);
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await statIfThere(path)) !== null;
}

async function statIfThere(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Removes a folder if nothing but such folders is in it; whether it did. Safe beside a writer, who makes it again. */
async function removeIfHollow(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => null);
  if (entries === null || entries.some((entry) => !entry.isDirectory())) return false;
  for (const { name } of entries) if (!(await removeIfHollow(join(folder, name)))) return false;
  return rmdir(folder).then(
    () => true,
    () => false, // something was put into it meanwhile
  );
}

/** Closes a body that nobody will read on, so that no file stays open behind it. */
function discard(body: ObjectBody): void {
  if (!(body instanceof Readable) || body.destroyed) return;
  body.once('error', () => {}); // a file that cannot be opened says so after it was destroyed
  body.destroy();
}
