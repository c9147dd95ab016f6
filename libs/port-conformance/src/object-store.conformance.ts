import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ObjectNotFound, type ObjectStore } from '@bpi/jobs';

export type ObjectStoreHarness = {
  objects: ObjectStore;
  /** Another process's store over the same objects. */
  second(): Promise<ObjectStore>;
  close(): Promise<void>;
};

const KEY = 'jobs/a/input/input.npz';
const RACERS = 20;
/** More than a backend's read and write buffers. */
const LARGE_BYTES = 3 * 1024 * 1024 + 17;

/** The obligations of `ObjectStore`, on any backend. */
export function describeObjectStore(name: string, make: () => Promise<ObjectStoreHarness>): void {
  describe(`ObjectStore: ${name}`, () => {
    let harness: ObjectStoreHarness;
    beforeEach(async () => {
      harness = await make();
    });
    afterEach(async () => {
      await harness.close();
    });

    describe('put', () => describePut(() => harness));
    describe('put, whole or not at all', () => describeWholeOrNothing(() => harness));
    describe('get and head', () => describeGet(() => harness));
    describe('list and deletePrefix', () => describeFolders(() => harness));
    describe('copy', () => describeCopy(() => harness));
    describe('keys', () => describeKeys(() => harness));
  });
}

function describePut(harness: () => ObjectStoreHarness): void {
  it('stores bytes and streams, and answers size and SHA-256', async () => {
    const { objects, second } = harness();
    const content = randomBytes(LARGE_BYTES);
    const info = { bytes: content.length, sha256: sha256(content) };
    expect(await objects.put(KEY, content, { ifAbsent: false })).toEqual({ kind: 'stored', ...info });
    const stream = Readable.from(pieces(content));
    expect(await objects.put('jobs/a/s', stream, { ifAbsent: true })).toEqual({ kind: 'stored', ...info });
    const other = await second();
    expect((await read(other, KEY)).equals(content)).toBe(true);
    expect((await read(other, 'jobs/a/s')).equals(content)).toBe(true);
  });

  it('stores an empty object', async () => {
    const { objects } = harness();
    const info = { bytes: 0, sha256: sha256('') };
    expect(await objects.put(KEY, Readable.from([]), { ifAbsent: false })).toEqual({ kind: 'stored', ...info });
    expect(await read(objects, KEY)).toHaveLength(0);
    expect(await objects.head(KEY)).toEqual(info);
  });

  it('stores a settled file, which keeps its name and may lose it', async () => {
    const { objects, second } = harness();
    const folder = await mkdtemp(join(tmpdir(), 'bpi-settled-'));
    try {
      const [path, content] = [join(folder, 'rebuilt.npz'), randomBytes(LARGE_BYTES)];
      await writeFile(path, content, { flush: true });
      const info = { bytes: content.length, sha256: sha256(content) };
      const stored = { kind: 'stored', ...info };
      expect(await objects.put(KEY, { path, ...info }, { ifAbsent: true })).toEqual(stored);
      expect(await objects.put(KEY, { path, ...info }, { ifAbsent: true })).toEqual({ kind: 'exists' });
      expect(await objects.put('jobs/a/s', { path, ...info }, { ifAbsent: false })).toEqual(stored);
      expect((await readFile(path)).equals(content)).toBe(true);
      await rm(path);
      await put(objects, 'jobs/a/s', 'another');
      expect((await read(await second(), KEY)).equals(content)).toBe(true);
      expect(await objects.head(KEY)).toEqual(info);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('stores nothing when a settled file is gone', async () => {
    const { objects } = harness();
    const gone = { path: join(tmpdir(), 'bpi-settled-and-gone'), bytes: 1, sha256: sha256('x') };
    await expect(objects.put(KEY, gone, { ifAbsent: true })).rejects.toThrow();
    expect(await objects.head(KEY)).toBeNull();
  });

  it('replaces what lies there, unless asked to store only if absent', async () => {
    const { objects } = harness();
    await put(objects, KEY, 'first');
    await put(objects, KEY, 'second');
    expect(String(await read(objects, KEY))).toBe('second');
    expect(await objects.put(KEY, Buffer.from('third'), { ifAbsent: true })).toEqual({ kind: 'exists' });
    expect(String(await read(objects, KEY))).toBe('second');
  });

  it('leaves no open stream behind when the key is taken', async () => {
    const { objects } = harness();
    await put(objects, KEY, 'first');
    const body = Readable.from(pieces(randomBytes(LARGE_BYTES)));
    expect(await objects.put(KEY, body, { ifAbsent: true })).toEqual({ kind: 'exists' });
    expect(body.destroyed).toBe(true);
  });

  it('lets one of twenty concurrent puts win that store only if absent', async () => {
    const { objects, second } = harness();
    const other = await second();
    const contents = Array.from({ length: RACERS }, (_, n) => `content of ${n}`);
    const results = await Promise.all(
      contents.map((text, n) => {
        const body = Readable.from([Buffer.from(text)]);
        return (n % 2 === 0 ? objects : other).put(KEY, body, { ifAbsent: true });
      }),
    );
    const winners = results.flatMap((result, n) => (result.kind === 'stored' ? [n] : []));
    expect(winners).toHaveLength(1);
    expect(String(await read(objects, KEY))).toBe(contents[winners[0] ?? -1]);
  });

  it('shows one of many concurrent replacements, whole', async () => {
    const { objects } = harness();
    const contents = Array.from({ length: RACERS }, (_, n) => Buffer.alloc(100_000, n));
    await Promise.all(contents.map((content) => objects.put(KEY, Readable.from(pieces(content)), { ifAbsent: false })));
    const seen = await read(objects, KEY);
    expect(contents.some((content) => content.equals(seen))).toBe(true);
  });
}

function describeWholeOrNothing(harness: () => ObjectStoreHarness): void {
  it('leaves what was there when the body fails, and nothing where nothing was', async () => {
    const { objects } = harness();
    await put(objects, KEY, 'first');
    for (const key of [KEY, 'jobs/a/new']) {
      await expect(objects.put(key, failing(), { ifAbsent: false })).rejects.toThrow('the body broke');
    }
    expect(String(await read(objects, KEY))).toBe('first');
    expect(await objects.head('jobs/a/new')).toBeNull();
    expect(await keys(objects, 'jobs/')).toEqual([KEY]);
  });

  it('fails when the body was cut off without an error', async () => {
    const { objects } = harness();
    const body = new Readable({ read() {} });
    body.push('the first half');
    const storing = objects.put(KEY, body, { ifAbsent: true });
    body.destroy();
    await expect(storing).rejects.toThrow();
    expect(await objects.head(KEY)).toBeNull();
  });

  it('does not show an object before it is whole', async () => {
    const { objects } = harness();
    const body = new Readable({ read() {} });
    body.push('the first half');
    const storing = objects.put(KEY, body, { ifAbsent: true });
    expect(await objects.head(KEY)).toBeNull();
    expect(await keys(objects, 'jobs/')).toEqual([]);
    body.push(null);
    expect((await storing).kind).toBe('stored');
    expect(await keys(objects, 'jobs/')).toEqual([KEY]);
  });
}

function describeGet(harness: () => ObjectStoreHarness): void {
  it('says that a key holds nothing', async () => {
    const { objects } = harness();
    await put(objects, KEY, 'content');
    for (const key of ['jobs/a/none', 'jobs/a', `${KEY}/below`]) {
      await expect(objects.get(key)).rejects.toBeInstanceOf(ObjectNotFound);
      expect(await objects.head(key)).toBeNull();
    }
  });

  it('answers size and SHA-256 without the bytes', async () => {
    const { objects } = harness();
    await put(objects, KEY, 'content');
    expect(await objects.head(KEY)).toEqual({ bytes: 7, sha256: sha256('content') });
  });

  it.each([
    [0, 0, '0'],
    [2, 4, '234'],
    [9, 9, '9'],
    [7, 1_000, '789'],
    [0, 9, '0123456789'],
  ])('reads the part from %i to %i', async (start, end, part) => {
    const { objects } = harness();
    await put(objects, KEY, '0123456789');
    expect(String(await buffer(await objects.get(KEY, { start, end })))).toBe(part);
  });

  it('refuses a part that begins behind the end, or ends before it begins', async () => {
    const { objects } = harness();
    await put(objects, KEY, '0123456789');
    for (const range of [
      { start: 10, end: 11 },
      { start: 5, end: 4 },
      { start: -1, end: 4 },
    ]) {
      await expect(objects.get(KEY, range)).rejects.toBeInstanceOf(RangeError);
    }
  });

  it('lets a reader finish what it opened, whatever happens to the key', async () => {
    const { objects } = harness();
    const content = randomBytes(LARGE_BYTES);
    await objects.put(KEY, content, { ifAbsent: false });
    const replaced = await objects.get(KEY);
    await put(objects, KEY, 'replaced');
    expect((await buffer(replaced)).equals(content)).toBe(true);
    const deleted = await objects.get(KEY);
    await objects.deletePrefix('jobs/a/');
    expect(String(await buffer(deleted))).toBe('replaced');
  });

  it('signs a link or says that there is none', async () => {
    const { objects } = harness();
    await put(objects, KEY, 'content');
    const as = { fileName: 'a.npz', mediaType: 'application/octet-stream', ttlMs: 1_000 };
    const link = await objects.signDownload(KEY, as);
    expect(link === null || URL.canParse(link)).toBe(true);
  });
}

function describeFolders(harness: () => ObjectStoreHarness): void {
  it('lists keys under a prefix in ascending order across folders, with size and time', async () => {
    const { objects } = harness();
    const under = ['jobs/a-b', 'jobs/a.b', 'jobs/a/c', 'jobs/a/b/d', 'jobs/a0', 'jobs/a_b'];
    for (const key of under) await put(objects, key, key);
    await put(objects, 'other/x', 'x');
    expect(await keys(objects, 'jobs/')).toEqual([...under].sort());
    expect(await keys(objects, 'jobs/a/')).toEqual(['jobs/a/b/d', 'jobs/a/c']);
    for await (const { key, bytes, modifiedAtMs } of objects.list('jobs/')) {
      expect(bytes).toBe(key.length);
      expect(Number.isInteger(modifiedAtMs) && modifiedAtMs > 0).toBe(true);
    }
  });

  it('lists nothing under an empty prefix folder', async () => {
    expect(await keys(harness().objects, 'jobs/')).toEqual([]);
  });

  it('deletes everything under a prefix and nothing beside it, again and again', async () => {
    const { objects, second } = harness();
    for (const key of ['jobs/a/x', 'jobs/a/b/y', 'jobs/ab', 'jobs/a-b/z']) await put(objects, key, key);
    await objects.deletePrefix('jobs/a/');
    await (await second()).deletePrefix('jobs/a/');
    expect(await keys(objects, 'jobs/')).toEqual(['jobs/a-b/z', 'jobs/ab']);
    await put(objects, 'jobs/a/x', 'again');
    expect(String(await read(objects, 'jobs/a/x'))).toBe('again');
  });

  it('deletes exactly the keys that it is told, again and again, whether something lies there or not', async () => {
    const { objects, second } = harness();
    for (const key of ['jobs/a/x', 'jobs/a/xy', 'jobs/a/b/y', 'jobs/a/b/z']) await put(objects, key, key);
    const told = ['jobs/a/x', 'jobs/a/b/y', 'jobs/a/none', 'jobs/none/y', 'jobs/a/xy/below', 'jobs/a/b'];
    await objects.delete(told);
    await (await second()).delete(told);
    expect(await keys(objects, 'jobs/')).toEqual(['jobs/a/b/z', 'jobs/a/xy']);
    await objects.delete([]);
    await put(objects, 'jobs/a/x', 'again');
    expect(String(await read(objects, 'jobs/a/x'))).toBe('again');
  });

  it('deletes nothing when one of the keys is none', async () => {
    const { objects } = harness();
    await put(objects, KEY, 'content');
    await expect(objects.delete([KEY, '../x'])).rejects.toThrow();
    expect(await keys(objects, 'jobs/')).toEqual([KEY]);
  });

  it('keeps a copy when the original is deleted, and lets a reader finish', async () => {
    const { objects } = harness();
    const content = randomBytes(LARGE_BYTES);
    await objects.put(KEY, content, { ifAbsent: false });
    await objects.copy(KEY, 'jobs/b/mask');
    const reading = await objects.get(KEY);
    await objects.delete([KEY]);
    expect((await buffer(reading)).equals(content)).toBe(true);
    expect((await read(objects, 'jobs/b/mask')).equals(content)).toBe(true);
  });

  it('survives deletes and puts of one folder at the same time', async () => {
    const { objects } = harness();
    await Promise.all(
      Array.from({ length: RACERS }, async (_, n) => {
        if (n % 4 === 3) await objects.deletePrefix('jobs/a/');
        else await put(objects, `jobs/a/b/${n}`, 'x');
      }),
    );
    await objects.deletePrefix('jobs/a/');
    expect(await keys(objects, 'jobs/')).toEqual([]);
  });
}

function describeCopy(harness: () => ObjectStoreHarness): void {
  it('shows an object under a second key, replacing what lies there, again and again', async () => {
    const { objects } = harness();
    await put(objects, KEY, 'published');
    await put(objects, 'jobs/a/output/mask', 'older');
    await objects.copy(KEY, 'jobs/a/output/mask');
    await objects.copy(KEY, 'jobs/a/output/mask');
    expect(String(await read(objects, 'jobs/a/output/mask'))).toBe('published');
    expect(await keys(objects, 'jobs/a/')).toEqual([KEY, 'jobs/a/output/mask']);
  });

  it('keeps the copy as it is when the original is replaced or deleted', async () => {
    const { objects } = harness();
    await put(objects, KEY, 'published');
    await objects.copy(KEY, 'jobs/b/mask');
    await put(objects, KEY, 'replaced');
    expect(String(await read(objects, 'jobs/b/mask'))).toBe('published');
    await objects.deletePrefix('jobs/a/');
    expect(String(await read(objects, 'jobs/b/mask'))).toBe('published');
  });

  it('says that there is nothing to copy, and leaves the target', async () => {
    const { objects } = harness();
    await put(objects, 'jobs/b/mask', 'older');
    await expect(objects.copy(KEY, 'jobs/b/mask')).rejects.toBeInstanceOf(ObjectNotFound);
    expect(String(await read(objects, 'jobs/b/mask'))).toBe('older');
  });
}

function describeKeys(harness: () => ObjectStoreHarness): void {
  const badPaths = ['', '/', '/etc/passwd', '../x', 'jobs/../x', 'jobs/./x', 'jobs//x', 'jobs/', 'jobs/.tmp', '.tmp/x'];
  const badNames = ['jobs/A', 'jobs/a b', 'jobs/a\0', 'jobs/ä', 'a\\b', 'x'.repeat(300)];
  it.each([...badPaths, ...badNames])('refuses the key %j', async (key) => {
    const { objects } = harness();
    await put(objects, KEY, 'content');
    await expect(objects.put(key, Buffer.from('x'), { ifAbsent: true })).rejects.toThrow();
    await expect(objects.get(key)).rejects.toThrow('key');
    await expect(objects.head(key)).rejects.toThrow();
    await expect(objects.copy(KEY, key)).rejects.toThrow();
    await expect(objects.copy(key, KEY)).rejects.toThrow();
    expect(String(await read(objects, KEY))).toBe('content');
  });

  it.each(['', '/', 'jobs', '../', 'jobs/../', './', 'jobs//', '.tmp/'])('refuses the prefix %j', async (prefix) => {
    const { objects } = harness();
    await put(objects, KEY, 'content');
    await expect(objects.deletePrefix(prefix)).rejects.toThrow();
    await expect(keys(objects, prefix)).rejects.toThrow();
    expect(await keys(objects, 'jobs/')).toEqual([KEY]);
  });
}

async function put(objects: ObjectStore, key: string, text: string): Promise<void> {
  expect((await objects.put(key, Buffer.from(text), { ifAbsent: false })).kind).toBe('stored');
}

async function read(objects: ObjectStore, key: string): Promise<Buffer> {
  return buffer(await objects.get(key));
}

async function keys(objects: ObjectStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of objects.list(prefix)) found.push(key);
  return found;
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function* pieces(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += 70_001) yield content.subarray(at, at + 70_001);
}

/** Breaks after its first bytes. */
function failing(): Readable {
  return Readable.from(
    (function* () {
      yield Buffer.from('the first half');
      throw new Error('the body broke');
    })(),
  );
}
